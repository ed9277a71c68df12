/* SPDX-License-Identifier: Apache-2.0
 * What records and networks say of a place, and how it adds up. */
#include "geo/facts.h"

#include "geo/subdivision.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <strings.h>

const struct facts facts_none = {.place.site = MODEL_NONE};

/* All schemas at once: MaxMind's GeoIP2/GeoLite2, and the flat ones of ip-location-db, ipinfo and
 * iplocate. Of one fact, the first that a record has counts. `country` and `continent` are maps in
 * one schema, codes in another, and names, which say nothing here, in a third. */
enum {
    F_COUNTRY,
    F_COUNTRY_FLAT,
    F_COUNTRY_TEXT,
    F_REGISTERED,
    F_CONTINENT,
    F_CONTINENT_FLAT,
    F_CONTINENT_TEXT,
    F_SUBDIVISION,
    F_STATE,
    F_REGION,
    F_LATITUDE,
    F_LATITUDE_FLAT,
    F_LATITUDE_SHORT,
    F_LONGITUDE,
    F_LONGITUDE_FLAT,
    F_LONGITUDE_SHORT,
    F_ASN,
    F_ASN_FLAT,
    N_FIELDS
};

static const struct mmdb_path paths[N_FIELDS] = {
    [F_COUNTRY] = {{"country", "iso_code"}},
    [F_COUNTRY_FLAT] = {{"country_code"}},
    [F_COUNTRY_TEXT] = {{"country"}},
    [F_REGISTERED] = {{"registered_country", "iso_code"}},
    [F_CONTINENT] = {{"continent", "code"}},
    [F_CONTINENT_FLAT] = {{"continent_code"}},
    [F_CONTINENT_TEXT] = {{"continent"}},
    [F_SUBDIVISION] = {{"subdivisions", "0", "iso_code"}},
    [F_STATE] = {{"state1"}},
    [F_REGION] = {{"region_code"}},
    [F_LATITUDE] = {{"location", "latitude"}},
    [F_LATITUDE_FLAT] = {{"latitude"}},
    [F_LATITUDE_SHORT] = {{"lat"}},
    [F_LONGITUDE] = {{"location", "longitude"}},
    [F_LONGITUDE_FLAT] = {{"longitude"}},
    [F_LONGITUDE_SHORT] = {{"lng"}},
    [F_ASN] = {{"autonomous_system_number"}},
    [F_ASN_FLAT] = {{"asn"}},
};

const char facts_known_keys[] =
    "country.iso_code, registered_country.iso_code, continent.code, subdivisions[0].iso_code, "
    "location.latitude and .longitude, autonomous_system_number (MaxMind), country_code, state1, "
    "latitude, longitude (ip-location-db), country, continent, continent_code, region_code, lat, "
    "lng, "
    "asn (ipinfo, iplocate)";

#define TEXT_MAX 64

/* A record, field by field, before it is judged. */
struct fields {
    struct {
        char text[TEXT_MAX]; /* "" : not there, or longer than any that is known */
        double number;
        bool is_number;
    } v[N_FIELDS];
};

static void take_field(void *ctx, unsigned field, const struct mmdb_scalar *value)
{
    struct fields *fields = ctx;
    fields->v[field].is_number = !value->is_text;
    fields->v[field].number = value->number;
    if (!value->is_text || value->text.n >= TEXT_MAX)
        return;
    memcpy(fields->v[field].text, value->text.p, value->text.n);
    fields->v[field].text[value->text.n] = '\0';
}

/* Two letters, made upper case. */
static bool take_code(char out[3], const char *text)
{
    if (!isalpha((unsigned char)text[0]) || !isalpha((unsigned char)text[1]) || text[2])
        return false;
    out[0] = (char)toupper((unsigned char)text[0]);
    out[1] = (char)toupper((unsigned char)text[1]);
    return true;
}

static bool take_number(double *out, const struct fields *fields, unsigned field)
{
    if (fields->v[field].is_number) {
        *out = fields->v[field].number;
        return isfinite(*out);
    }
    char *end;
    *out = strtod(fields->v[field].text, &end);
    return end != fields->v[field].text && *end == '\0' && isfinite(*out);
}

static bool take_location(struct place *place, const struct fields *fields, unsigned latitude,
                          unsigned longitude)
{
    double lat, lon;
    if (!take_number(&lat, fields, latitude) || !take_number(&lon, fields, longitude) ||
        fabs(lat) > 90 || fabs(lon) > 180)
        return false;
    place->latitude = (float)lat;
    place->longitude = (float)lon;
    return place->located = true;
}

/* A number, its digits, or these after "AS". */
static bool take_asn(struct place *place, const struct fields *fields, unsigned field)
{
    double asn = fields->v[field].number;
    const char *text = fields->v[field].text;
    if (!fields->v[field].is_number) {
        text += strncasecmp(text, "AS", 2) == 0 ? 2 : 0;
        if (!*text || text[strspn(text, "0123456789")])
            return false;
        asn = strtod(text, NULL);
    }
    if (!(asn >= 1 && asn <= UINT32_MAX) || asn != floor(asn))
        return false;
    place->asn = (uint32_t)asn;
    return true;
}

int facts_read(struct facts *out, struct mmdb *mmdb, uint32_t offset, uint32_t from)
{
    struct fields fields = {0};
    *out = facts_none;
    if (mmdb_read(mmdb, offset, paths, N_FIELDS, take_field, &fields) != 0)
        return E_SYNTAX;
    struct place *place = &out->place;
    bool any = take_code(place->country, fields.v[F_COUNTRY].text) ||
               take_code(place->country, fields.v[F_COUNTRY_FLAT].text) ||
               take_code(place->country, fields.v[F_COUNTRY_TEXT].text) ||
               take_code(place->country, fields.v[F_REGISTERED].text);
    any |= take_code(place->continent, fields.v[F_CONTINENT].text) ||
           take_code(place->continent, fields.v[F_CONTINENT_FLAT].text) ||
           take_code(place->continent, fields.v[F_CONTINENT_TEXT].text);
    any |= subdivision_make(place->subdivision, place->country, fields.v[F_SUBDIVISION].text) ||
           subdivision_make(place->subdivision, place->country, fields.v[F_STATE].text) ||
           subdivision_make(place->subdivision, place->country, fields.v[F_REGION].text);
    any |= take_location(place, &fields, F_LATITUDE, F_LONGITUDE) ||
           take_location(place, &fields, F_LATITUDE_FLAT, F_LONGITUDE_FLAT) ||
           take_location(place, &fields, F_LATITUDE_SHORT, F_LONGITUDE_SHORT);
    any |= take_asn(place, &fields, F_ASN) || take_asn(place, &fields, F_ASN_FLAT);
    out->from = any ? from : 0;
    return 0;
}

/* Fills a text that is empty; says whether there was something to fill it with. */
static bool fill(char *text, const char *from, size_t size)
{
    if (text[0] || !from[0])
        return false;
    memcpy(text, from, size);
    return true;
}

struct facts facts_merge(const struct facts *first, const struct facts *later)
{
    struct facts out = *first;
    struct place *a = &out.place;
    const struct place *b = &later->place;
    bool agree = !a->country[0] || !b->country[0] || strcmp(a->country, b->country) == 0;
    bool took = fill(a->country, b->country, sizeof a->country);
    if (agree) {
        took |= fill(a->continent, b->continent, sizeof a->continent);
        took |= fill(a->subdivision, b->subdivision, sizeof a->subdivision);
    }
    if (agree && !a->located && b->located) {
        a->located = took = true;
        a->latitude = b->latitude;
        a->longitude = b->longitude;
    }
    if (!a->asn && b->asn) {
        a->asn = b->asn;
        took = true;
    }
    if (took)
        out.from |= later->from;
    return out;
}

static void locate(struct place *place, double latitude, double longitude)
{
    place->located = true;
    place->coarse = false;
    place->latitude = (float)latitude;
    place->longitude = (float)longitude;
}

/* A country brings its continent and coordinate; what was known inside another one goes. */
static void put_country(struct place *place, const char country[3])
{
    memcpy(place->country, country, sizeof place->country);
    memset(place->continent, 0, sizeof place->continent);
    memset(place->subdivision, 0, sizeof place->subdivision);
    place->located = place->coarse = false;
    place_complete(place);
}

/* A continent that contradicts the country hides it, and what belongs to it. */
static void put_continent(struct place *place, const char continent[3])
{
    const struct country *country = place->country[0] ? country_find(place->country) : NULL;
    if (country && strcmp(country->continent, continent) != 0) {
        memset(place->country, 0, sizeof place->country);
        memset(place->subdivision, 0, sizeof place->subdivision);
        place->located = place->coarse = false;
    }
    memcpy(place->continent, continent, sizeof place->continent);
}

struct facts facts_overlay(const struct facts *below, const struct geo_network *network,
                           const struct site *site)
{
    struct facts out = *below;
    struct place *place = &out.place;
    out.from |= FROM_NETWORKS;
    if (network->country[0])
        put_country(place, network->country);
    if (network->continent[0] && network->country[0]) /* both as they stand: served from afar */
        memcpy(place->continent, network->continent, sizeof place->continent);
    else if (network->continent[0])
        put_continent(place, network->continent);
    if (site) {
        place->site = network->site;
        if (site->located)
            locate(place, site->latitude, site->longitude);
    }
    if (network->located)
        locate(place, network->latitude, network->longitude);
    if (network->tag)
        place->tag = network->tag;
    return out;
}

void place_complete(struct place *place)
{
    const struct country *country = place->country[0] ? country_find(place->country) : NULL;
    if (!country)
        return;
    if (!place->continent[0])
        memcpy(place->continent, country->continent, sizeof place->continent);
    if (place->located)
        return;
    locate(place, (double)country->latitude, (double)country->longitude);
    place->coarse = true;
}
