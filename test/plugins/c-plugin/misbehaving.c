/* A distributor in C that does what its option `how` says, and everything else right: its jobs fail. */
#include "dtlto_plugin.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const dtlto_host *host;
static dtlto_link the_link;
static char how[64];

struct late {
  dtlto_call call;
  useconds_t delay_us;
};

/* Ends right after it has said so. */
static void *finish_from_dying_thread(void *argument) {
  struct late late = *(struct late *)argument;
  dtlto_result result = {.size = sizeof(result), .outcome = DTLTO_FAILED, .text = "a thread said so"};
  free(argument);
  usleep(late.delay_us);
  host->finish(late.call, &result);
  return NULL;
}

static void finish_later(dtlto_call call, useconds_t delay_us) {
  struct late *late = (struct late *)malloc(sizeof(*late));
  pthread_t thread;
  *late = (struct late){call, delay_us};
  if (pthread_create(&thread, NULL, finish_from_dying_thread, late) == 0)
    pthread_detach(thread);
}

static void *open_it(const dtlto_host *given, const dtlto_context *context, char *error, size_t error_size) {
  static int self;
  dtlto_endpoint endpoint = {.size = sizeof(endpoint), .id = "there", .slots = 4, .accepting = 1};
  const dtlto_endpoint *endpoints[] = {&endpoint, NULL};
  host = given;
  the_link = context->link;
  strncpy(how, context->options[0]->items[0], sizeof(how) - 1);
  if (strcmp(how, "closed") == 0) {
    strncpy(error, "the farm is \033[31mclosed", error_size);
    return NULL;
  }
  if (strcmp(how, "silent") == 0)
    return NULL;
  if (strcmp(how, "no-name") == 0)
    endpoint.id = NULL;
  if (strcmp(how, "no-slots") == 0)
    endpoint.slots = 0;
  if (strcmp(how, "million-slots") == 0)
    endpoint.slots = 4000000000u;
  if (strcmp(how, "young") == 0) /* written for a header that had id and slots only */
    endpoint.size = offsetof(dtlto_endpoint, busy_elsewhere);
  host->set_endpoints(the_link, endpoints, strcmp(how, "null-endpoint") == 0 ? 2 : 1);
  host->set_endpoints(the_link + 1000, endpoints, 1); /* of nobody */
  host->warn(the_link, "a kind with blanks", how);
  return &self;
}

static void compile(void *self, dtlto_call call, const dtlto_job *job) {
  char garbage[100];
  dtlto_result result = {.size = sizeof(result), .outcome = DTLTO_FAILED, .text = "no"};
  (void)self;
  (void)job;
  memset(garbage, 0xa5, sizeof(garbage));
  host->started(call);
  if (strcmp(how, "never") == 0)
    return;
  if (strcmp(how, "late") == 0)
    return finish_later(call, 3000000);
  if (strcmp(how, "dying-thread") == 0)
    return finish_later(call, 0);
  if (strcmp(how, "garbage") == 0) {
    result.outcome = DTLTO_DONE;
    result.data = (dtlto_span){garbage, sizeof(garbage)};
  }
  if (strcmp(how, "half") == 0) {
    memcpy(garbage, "DTLR\1\0\0\0\377\377\0\0\0\0\0\0", 16);
    result.outcome = DTLTO_DONE;
    result.data = (dtlto_span){garbage, sizeof(garbage)};
  }
  if (strcmp(how, "empty") == 0)
    result.outcome = DTLTO_DONE;
  if (strcmp(how, "outcome") == 0)
    result.outcome = 4711;
  if (strcmp(how, "old-result") == 0)
    result.size = offsetof(dtlto_result, data);
  host->finish(call, strcmp(how, "null-result") == 0 ? NULL : &result);
  if (strcmp(how, "twice") == 0 && host->finish(call, &result) != 0)
    abort();
  host->finish(call + 1, &result); /* of nobody, or not begun yet */
  host->started(call);
}

static void cancel(void *self, dtlto_call call) {
  (void)self;
  (void)call;
}

static void destroy(void *self) { (void)self; }

static const dtlto_option option = {.size = sizeof(option), .name = "how", .description = "what it does", .type = DTLTO_STRING};
static const dtlto_option *const options[] = {&option, NULL};

#ifndef ABI
#define ABI DTLTO_PLUGIN_ABI
#endif
#ifndef FORM
#define FORM DTLTO_MESSAGE
#endif
#ifndef COMPILE
#define COMPILE compile
#endif

const dtlto_plugin dtlto_plugin_v1 = {
    .size = sizeof(dtlto_plugin_v1), .abi = ABI, .name = "misbehaving", .form = (int)(FORM), .options = options,
    .open = open_it, .compile = COMPILE, .cancel = cancel, .destroy = destroy};
