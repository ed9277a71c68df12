/* SPDX-License-Identifier: Apache-2.0
 * Stores of certificate authorities, whole in memory: OpenSSL's own way to the system's authorities
 * reads a directory during the handshake, on the control thread and with a descriptor that may be
 * lacking just then. */
#pragma once

#include "health/pem.h"

/** A store of what was read; NULL when OpenSSL refuses, with the reason in its queue of errors. */
X509_STORE *authorities_make(const struct pem_certificates *certificates) ATTR_NONNULL;

/** The system's authorities: SSL_CERT_FILE and SSL_CERT_DIR of the environment, else where OpenSSL
 *  was built to look. Files that cannot be read or parsed are passed over, as OpenSSL does. NULL
 *  when there are none. */
X509_STORE *authorities_of_system(void);
/** Where they are looked for. */
const char *authorities_place(void);

/** Tells a file by device, inode, size and times; 0 when it is not there, or has changed so lately
 *  that it may change once more within the same tick of the file system's clock. */
uint64_t authorities_file_stamp(const char *path) ATTR_NONNULL;
uint64_t authorities_system_stamp(void);

/** Warns of those in a `ca_file` that have expired; in a public bundle only if all have. */
void authorities_warn(struct diags *diags, const struct named_file *file,
                      X509_STORE *store) ATTR_NONNULL;
/** Warns of a client certificate that is not valid now. */
void certificate_warn(struct diags *diags, const struct named_file *file,
                      const X509 *certificate) ATTR_NONNULL;
