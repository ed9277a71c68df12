/* SPDX-License-Identifier: Apache-2.0
 * Records of a geo database, see mmdb.h. */
#include "geo/mmdb.h"
#include "geo/mmdb_guard.h"

static int broken(struct mmdb *mmdb, uint32_t offset, const char *why)
{
    snprintf(mmdb->wrong, sizeof mmdb->wrong, "a record cannot be read, at byte %u of the data: %s",
             offset, why);
    return E_SYNTAX;
}

bool mmdb_to_scalar(struct mmdb_scalar *out, const MMDB_entry_data_s *data)
{
    *out = (struct mmdb_scalar){0};
    switch (data->type) {
    case MMDB_DATA_TYPE_UTF8_STRING:
        out->is_text = true;
        out->text = slice_of(data->utf8_string, data->data_size);
        return true;
    case MMDB_DATA_TYPE_BOOLEAN:
        out->number = data->boolean;
        return true;
    case MMDB_DATA_TYPE_UINT16:
        out->number = data->uint16;
        return true;
    case MMDB_DATA_TYPE_UINT32:
        out->number = data->uint32;
        return true;
    case MMDB_DATA_TYPE_UINT64:
        out->number = (double)data->uint64;
        return true;
    case MMDB_DATA_TYPE_FLOAT:
        out->number = (double)data->float_value;
        return true;
    case MMDB_DATA_TYPE_DOUBLE:
        out->number = data->double_value;
        return true;
    default:
        return false;
    }
}

int mmdb_read(struct mmdb *mmdb, uint32_t offset, const struct mmdb_path *paths, unsigned n,
              mmdb_scalar_fn *found, void *ctx)
{
    const char *wrong = mmdb_guard(mmdb->data, offset, &mmdb->items_left);
    if (wrong)
        return broken(mmdb, offset, wrong);
    MMDB_entry_s record = {&mmdb->db, offset};
    for (unsigned i = 0; i < n; i++) {
        MMDB_entry_data_s data;
        struct mmdb_scalar value;
        int status = MMDB_aget_value(&record, &data, paths[i].key);
        if (status == MMDB_LOOKUP_PATH_DOES_NOT_MATCH_DATA_ERROR)
            continue;
        if (status != MMDB_SUCCESS)
            return broken(mmdb, offset, MMDB_strerror(status));
        if (data.has_data && mmdb_to_scalar(&value, &data))
            found(ctx, i, &value);
    }
    return 0;
}

/* What follows an item and all that is below it. The guard has bounded the depth. */
static MMDB_entry_data_list_s *behind(MMDB_entry_data_list_s *item)
{
    uint32_t n = 0;
    if (item->entry_data.type == MMDB_DATA_TYPE_MAP)
        n = 2 * item->entry_data.data_size;
    else if (item->entry_data.type == MMDB_DATA_TYPE_ARRAY)
        n = item->entry_data.data_size;
    for (item = item->next; n > 0; n--)
        item = behind(item);
    return item;
}

void mmdb_keys(struct mmdb *mmdb, uint32_t offset, mmdb_key_fn *visit, void *ctx)
{
    MMDB_entry_s record = {&mmdb->db, offset};
    MMDB_entry_data_list_s *all = NULL;
    if (MMDB_get_entry_data_list(&record, &all) == MMDB_SUCCESS) {
        MMDB_entry_data_list_s *key = all->next;
        for (uint32_t n = all->entry_data.data_size; n > 0; n--) {
            visit(ctx, slice_of(key->entry_data.utf8_string, key->entry_data.data_size));
            key = behind(key->next);
        }
    }
    MMDB_free_entry_data_list(all);
}
