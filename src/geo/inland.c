/* SPDX-License-Identifier: Apache-2.0
 * Which country a site is in, for large ones, where one may have several. Boxes that lie within a
 * country, with a margin to its borders: what is in none of them may be anywhere. Most places that
 * have data centres are in one. */
#include "geo/geo.h"

static const struct box {
    char country[3];
    float south, north, west, east; /* degrees */
} boxes[] = {
    {"AR", -38.0f, -31.0f, -68.0f, -58.5f},  /* Buenos Aires, Córdoba, Rosario */
    {"AU", -39.0f, -12.0f, 114.0f, 153.6f},  /* the mainland */
    {"BR", -30.5f, -23.0f, -53.0f, -46.0f},  /* São Paulo, Curitiba, Porto Alegre */
    {"BR", -23.0f, -1.0f, -53.0f, -34.0f},   /* Rio de Janeiro, Brasília, Fortaleza */
    {"BR", -12.0f, -1.0f, -64.0f, -53.0f},   /* Manaus */
    {"CA", 49.1f, 60.0f, -123.3f, -95.2f},   /* Vancouver, Calgary, Winnipeg */
    {"CA", 43.5f, 44.2f, -81.0f, -79.1f},    /* Toronto */
    {"CA", 45.3f, 52.0f, -79.0f, -71.2f},    /* Ottawa, Montréal, Québec */
    {"CA", 44.0f, 46.5f, -64.2f, -60.0f},    /* Halifax */
    {"CN", 23.2f, 41.0f, 107.0f, 119.5f},    /* Beijing, Guangzhou, Wuhan, Nanjing */
    {"CN", 22.6f, 23.2f, 113.2f, 115.0f},    /* Shenzhen */
    {"CN", 28.0f, 37.0f, 119.5f, 122.0f},    /* Shanghai, Hangzhou */
    {"CN", 28.0f, 35.0f, 101.0f, 107.0f},    /* Chengdu, Chongqing */
    {"CO", 3.0f, 7.0f, -76.0f, -72.5f},      /* Bogotá, Medellín */
    {"DE", 47.9f, 54.5f, 8.3f, 12.0f},       /* Frankfurt, München, Hamburg */
    {"DE", 51.2f, 53.9f, 12.0f, 14.0f},      /* Berlin, Leipzig */
    {"DE", 50.6f, 51.6f, 6.4f, 8.3f},        /* Düsseldorf, Köln */
    {"ES", 36.5f, 42.2f, -6.0f, 0.0f},       /* Madrid, Valencia, Sevilla */
    {"ES", 41.2f, 42.2f, 0.0f, 3.2f},        /* Barcelona */
    {"FR", 43.8f, 49.4f, -1.0f, 5.7f},       /* Paris, Lyon, Bordeaux */
    {"FR", 43.35f, 43.8f, -1.0f, 7.3f},      /* Toulouse, Nice */
    {"GB", 50.6f, 55.0f, -4.1f, 1.4f},       /* London, Manchester */
    {"GB", 55.0f, 58.5f, -5.0f, -1.5f},      /* Edinburgh, Glasgow */
    {"ID", -8.5f, -5.9f, 105.8f, 115.0f},    /* Java, Bali */
    {"ID", -5.9f, 0.0f, 101.0f, 106.0f},     /* Sumatra */
    {"IN", 10.5f, 24.0f, 72.6f, 80.2f},      /* Mumbai, Bangalore, Hyderabad, Chennai */
    {"IN", 24.0f, 29.5f, 75.0f, 79.5f},      /* Delhi, Jaipur */
    {"IN", 17.0f, 24.5f, 80.2f, 87.0f},      /* Raipur, Ranchi */
    {"IN", 21.7f, 24.0f, 87.0f, 88.5f},      /* Kolkata */
    {"IT", 44.2f, 45.7f, 8.0f, 12.5f},       /* Milano, Bologna, Venezia */
    {"IT", 38.0f, 42.6f, 11.0f, 16.3f},      /* Roma, Napoli */
    {"JP", 31.0f, 34.0f, 129.8f, 132.2f},    /* Fukuoka */
    {"JP", 33.3f, 37.5f, 132.0f, 141.0f},    /* Tōkyō, Ōsaka */
    {"JP", 37.5f, 45.0f, 138.5f, 145.0f},    /* Sendai, Sapporo */
    {"KR", 34.5f, 37.65f, 126.2f, 129.6f},   /* Seoul, Busan */
    {"MX", 17.0f, 26.2f, -105.5f, -99.3f},   /* Querétaro, Guadalajara, Monterrey */
    {"MX", 16.5f, 23.0f, -99.3f, -95.0f},    /* México */
    {"PL", 50.5f, 54.2f, 17.0f, 23.0f},      /* Warszawa, Wrocław, Łódź */
    {"PL", 52.0f, 54.0f, 15.0f, 17.0f},      /* Poznań */
    {"RU", 53.0f, 66.0f, 33.0f, 60.0f},      /* Moscow, Kazan */
    {"RU", 58.5f, 60.4f, 30.0f, 33.0f},      /* St Petersburg */
    {"RU", 56.0f, 66.0f, 60.0f, 100.0f},     /* Yekaterinburg, Krasnoyarsk */
    {"RU", 54.6f, 56.0f, 78.0f, 90.0f},      /* Novosibirsk */
    {"RU", 43.2f, 45.0f, 132.0f, 134.0f},    /* Vladivostok */
    {"SA", 20.5f, 28.0f, 39.0f, 48.0f},      /* Riyadh, Jeddah */
    {"SA", 25.0f, 27.5f, 48.0f, 50.0f},      /* Dammam */
    {"SE", 56.0f, 62.0f, 13.0f, 18.8f},      /* Stockholm */
    {"TR", 37.5f, 41.4f, 28.0f, 41.0f},      /* İstanbul, Ankara */
    {"US", 32.65f, 48.1f, -124.8f, -122.8f}, /* the coast of California and Oregon */
    {"US", 32.65f, 48.9f, -122.8f, -106.6f}, /* Seattle, San Francisco, Los Angeles, Phoenix */
    {"US", 31.9f, 48.9f, -106.6f, -99.5f},   /* Denver */
    {"US", 29.3f, 48.9f, -99.5f, -95.2f},    /* Dallas, Kansas City */
    {"US", 29.0f, 48.0f, -95.2f, -89.5f},    /* Minneapolis, St Louis, New Orleans */
    {"US", 29.0f, 46.4f, -89.5f, -84.8f},    /* Chicago */
    {"US", 25.0f, 41.6f, -84.8f, -79.5f},    /* Atlanta, Columbus, Miami */
    {"US", 34.0f, 42.3f, -79.5f, -74.5f},    /* Ashburn, Philadelphia */
    {"US", 40.4f, 44.9f, -76.2f, -71.5f},    /* New York */
    {"US", 41.2f, 45.0f, -71.5f, -69.5f},    /* Boston */
    {"ZA", -34.5f, -31.0f, 18.0f, 28.0f},    /* Cape Town */
    {"ZA", -28.4f, -25.8f, 26.5f, 30.5f},    /* Johannesburg */
    {"ZA", -31.0f, -29.0f, 29.8f, 31.3f},    /* Durban */
};

const char *country_inland(double latitude, double longitude)
{
    for (size_t i = 0; i < ARRAY_LEN(boxes); i++) {
        const struct box *b = &boxes[i];
        if (latitude >= (double)b->south && latitude <= (double)b->north &&
            longitude >= (double)b->west && longitude <= (double)b->east)
            return b->country;
    }
    return NULL;
}
