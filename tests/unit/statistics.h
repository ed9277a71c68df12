/* SPDX-License-Identifier: Apache-2.0
 * Pearson's chi-squared test for counted draws. */
#pragma once

#include <math.h>
#include <stdint.h>
#include <stdio.h>

/* The quantile of chi-squared that a right generator exceeds once in 100,000 runs (Wilson and
 * Hilferty's approximation; z is the normal quantile). Seeds are fixed: a test passes always or
 * never. */
static inline double chi2_limit(unsigned degrees)
{
    const double z = 4.2649;
    double d = degrees, a = 2.0 / (9.0 * d);
    return d * pow(1.0 - a + z * sqrt(a), 3.0);
}

/* Whether `seen` counts agree with the shares in `expected`, which sum to 1; cells expected below 5
 * in all are put together, and one expected to be 0 must be 0. */
static inline int chi2_fits(const uint64_t *seen, const double *expected, unsigned n)
{
    double total = 0, sum = 0, rest_seen = 0, rest_expected = 0;
    unsigned cells = 0;
    for (unsigned i = 0; i < n; i++)
        total += (double)seen[i];
    for (unsigned i = 0; i < n; i++) {
        double want = expected[i] * total, got = (double)seen[i];
        if (want <= 0 && got > 0)
            return 0;
        if (want < 5) {
            rest_seen += got;
            rest_expected += want;
            continue;
        }
        sum += (got - want) * (got - want) / want;
        cells++;
    }
    if (rest_expected >= 5) {
        sum += (rest_seen - rest_expected) * (rest_seen - rest_expected) / rest_expected;
        cells++;
    }
    if (cells < 2)
        return 1;
    if (sum <= chi2_limit(cells - 1))
        return 1;
    fprintf(stderr, "chi-squared %.1f > %.1f (%u cells)\n", sum, chi2_limit(cells - 1), cells);
    return 0;
}
