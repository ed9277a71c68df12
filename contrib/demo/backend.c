/* SPDX-License-Identifier: Apache-2.0
 * A small real web server for the quick start: `demo-backend ADDRESS PORT SITE` answers every GET
 * with its site's name, and /healthz with "ready". Stops on SIGTERM. */
#include "base/ip.h"

#include <microhttpd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum MHD_Result answer(void *site, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_size, void **state)
{
    (void)method, (void)version, (void)upload, (void)upload_size, (void)state;
    char text[128];
    int n = strcmp(url, "/healthz") == 0
                ? snprintf(text, sizeof text, "ready\n")
                : snprintf(text, sizeof text, "This is %.64s.\n", (char *)site);
    struct MHD_Response *response =
        MHD_create_response_from_buffer((size_t)n, text, MHD_RESPMEM_MUST_COPY);
    enum MHD_Result result = MHD_queue_response(connection, MHD_HTTP_OK, response);
    MHD_destroy_response(response);
    return result;
}

int main(int argc, char **argv)
{
    struct ip addr;
    struct sockaddr_storage sa;
    if (argc != 4 || ip_parse(&addr, argv[1]) != 0) {
        fprintf(stderr, "usage: demo-backend ADDRESS PORT SITE\n");
        return 2;
    }
    uint16_t port = (uint16_t)atoi(argv[2]);
    ip_to_sockaddr(&sa, &addr, port);

    sigset_t stop;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM);
    sigaddset(&stop, SIGINT);
    sigprocmask(SIG_BLOCK, &stop, NULL);

    struct MHD_Daemon *daemon =
        MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD, port, NULL, NULL, answer, argv[3],
                         MHD_OPTION_SOCK_ADDR, &sa, MHD_OPTION_LISTENING_ADDRESS_REUSE, 1u,
                         MHD_OPTION_END);
    if (!daemon) {
        fprintf(stderr, "demo-backend: cannot listen on %s:%u\n", argv[1], port);
        return 1;
    }
    int got;
    sigwait(&stop, &got);
    MHD_stop_daemon(daemon);
    return 0;
}
