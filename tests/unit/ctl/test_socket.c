/* SPDX-License-Identifier: Apache-2.0
 * The commands of the control socket: what reaches the service, and what comes back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "ctl/socket.h"
#include "tests/unit/ctl/listener.h"

#include <sys/un.h>

struct scene {
    struct service service;
    struct run_service asked;
    struct control_server *server;
    char directory[64], path[96];
    bool closed;
};

static void on_flag(void *arg)
{
    *(bool *)arg = true;
}

static int set_up(void **state)
{
    struct scene *s = xcalloc(1, sizeof *s);
    struct diags diags;
    diags_init(&diags);
    uv_loop_init(&s->service.loop);
    snprintf(s->directory, sizeof s->directory, "/tmp/ls-socket-XXXXXX");
    assert_non_null(mkdtemp(s->directory));
    snprintf(s->path, sizeof s->path, "%s/s", s->directory);
    s->asked = service_of(&s->service);
    const struct control_handler handler = socket_handler(&s->asked);
    assert_int_equal(
        control_server_open(&s->server, &handler, &s->service.loop, s->path, NULL, &diags), 0);
    diags_free(&diags);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *s = *state;
    control_server_close(s->server, on_flag, &s->closed);
    service_answer(&s->service);
    RUN_UNTIL(&s->service.loop, s->closed);
    assert_int_equal(uv_loop_close(&s->service.loop), 0);
    assert_int_equal(rmdir(s->directory), 0);
    free(s);
    return 0;
}

static int client(const struct scene *s, const char *text)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    strcpy(sa.sun_path, s->path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof sa), 0);
    client_say(fd, text);
    return fd;
}

static void test_requests(void **state)
{
    struct scene *s = *state;
    struct service *service = &s->service;
    char text[512] = "", uid[32];
    int fd = client(s, "{\"id\":1}\n{\"id\":2,\"command\":\"reload\",\"actor\":\"me\"}\n"
                       "{\"id\":3,\"command\":\"reload\"}\n");
    RUN_UNTIL(&service->loop, service->n_asked == 1);
    assert_int_equal(service->request.command, CTL_RELOAD);
    snprintf(uid, sizeof uid, "uid %u", getuid());
    assert_non_null(strstr(service->request.actor.text, uid));
    assert_null(service->asked[0].asker.progress); /* nobody asked for it */
    service_answer(service);
    RUN_UNTIL(&service->loop, (client_hear(fd, text, sizeof text), strstr(text, "too many")));
    assert_ptr_equal(strstr(text, "{\"id\":1,\"ok\":false,\"error\":\"command: expected one of"),
                     text);
    assert_non_null(strstr(text, "}\n{\"id\":2,\"ok\":false,\"error\":\"reload takes no argument"));
    assert_non_null(
        strstr(text, "}\n{\"id\":3,\"ok\":false,\"error\":\"too many\",\"code\":\"busy\"}\n"));
    assert_int_equal(service->n_requests, 1);
    close(fd);
}

static void test_steps(void **state)
{
    struct scene *s = *state;
    struct service *service = &s->service;
    char text[256] = "";
    int fd = client(s, "{\"id\":\"r\",\"command\":\"reload\",\"progress\":true}\n");
    RUN_UNTIL(&service->loop, service->n_asked == 1);
    const struct run_asker *asker = &service->asked[0].asker;
    json_t *step = json_pack("{s:s}", "step", "reading");
    asker->progress(asker->arg, step);
    json_decref(step);
    service_answer(service);
    RUN_UNTIL(&service->loop, (client_hear(fd, text, sizeof text), strstr(text, "ok")));
    assert_string_equal(text,
                        "{\"id\":\"r\",\"progress\":{\"step\":\"reading\"}}\n"
                        "{\"id\":\"r\",\"ok\":false,\"error\":\"too many\",\"code\":\"busy\"}\n");
    close(fd);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_requests), TEST(test_steps)};
    signal(SIGPIPE, SIG_IGN); /* as the daemon does */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
