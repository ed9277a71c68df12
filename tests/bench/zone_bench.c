/* SPDX-License-Identifier: Apache-2.0
 * Reads a generated zone file through config_load() and prints nanoseconds of CPU per record.
 *
 *     zone_bench [-n RECORDS] a|mixed
 *
 * Instructions per record, which repeat exactly:
 *
 *     valgrind --tool=callgrind --toggle-collect=zonefile_read zone_bench -n 100000 a */
#include "config/config.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static double cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void put_a(FILE *out, unsigned i)
{
    fprintf(out, "h%07u A 10.%u.%u.%u\n", i, i >> 16 & 255, i >> 8 & 255, i & 255);
}

/* What zones of people and companies are made of. */
static void put_mixed(FILE *out, unsigned i)
{
    switch (i % 8) {
    case 0:
        fprintf(out, "host-%u\t3600\tIN\tA\t192.0.2.%u\n", i, i & 255);
        break;
    case 1:
        fprintf(out, "\t\t\tIN\tAAAA\t2001:db8:%x:%x::%x\n", i >> 16, i & 0xffff, i & 255);
        break;
    case 2:
        fprintf(out, "www.host-%u IN CNAME host-%u\n", i, i - 2);
        break;
    case 3:
        fprintf(out, "host-%u IN MX 10 mail.example.net.\n", i);
        break;
    case 4:
        fprintf(out, "host-%u IN TXT \"v=spf1 ip4:192.0.2.0/24 include:example.net -all\"\n", i);
        break;
    case 5:
        fprintf(out, "_https._tcp.host-%u IN SRV 0 5 443 host-%u\n", i, i);
        break;
    case 6:
        fprintf(out, "sub-%u IN NS ns1.provider.example. ; delegated\n", i);
        break;
    default:
        fprintf(out, "host-%u IN CAA 0 issue \"ca.example.net\"\n", i);
    }
}

static void write_files(const char *directory, bool mixed, unsigned n)
{
    char path[100];
    snprintf(path, sizeof path, "%s/loadstar.yaml", directory);
    FILE *out = fopen(path, "w");
    fprintf(out, "zones: big.test.zone\n");
    fclose(out);
    snprintf(path, sizeof path, "%s/big.test.zone", directory);
    out = fopen(path, "w");
    fprintf(out, "$TTL 300\n@ SOA ns1 hostmaster 1 3600 900 604800 300\n@ NS ns1\n");
    for (unsigned i = 0; i < n; i++)
        mixed ? put_mixed(out, i) : put_a(out, i);
    fclose(out);
}

static int measure(const char *directory, const char *name)
{
    char path[100];
    struct diags diags;
    struct model *model = NULL;
    snprintf(path, sizeof path, "%s/loadstar.yaml", directory);
    diags_init(&diags);
    double start = cpu_ns();
    int e = config_load(&model, path, &diags);
    double each = (cpu_ns() - start);
    diags_print(&diags, stderr);
    diags_free(&diags);
    if (e != 0)
        return 1;
    double n = (double)model->zones[0].n_records;
    printf("%-6s %9.0f records, %4.0f ns and %3.0f bytes each\n", name, n, each / n,
           (double)arena_size(model->arena) / n);
    model_free(model);
    return 0;
}

int main(int argc, char **argv)
{
    char directory[] = "/tmp/loadstar-bench-XXXXXX", path[100];
    unsigned n = 1000000;
    int c;
    while ((c = getopt(argc, argv, "n:")) == 'n')
        n = (unsigned)strtoul(optarg, NULL, 10);
    bool mixed = optind < argc && strcmp(argv[optind], "mixed") == 0;
    if (c != -1 || optind + 1 != argc || (!mixed && strcmp(argv[optind], "a") != 0)) {
        fprintf(stderr, "usage: zone_bench [-n RECORDS] a|mixed\n");
        return 2;
    }
    if (!mkdtemp(directory))
        return 1;
    write_files(directory, mixed, n);
    int e = measure(directory, argv[optind]);
    snprintf(path, sizeof path, "%s/big.test.zone", directory);
    unlink(path);
    snprintf(path, sizeof path, "%s/loadstar.yaml", directory);
    unlink(path);
    rmdir(directory);
    return e;
}
