/* A distributor in C: a thread and a `dtlto-codegen --serve` for each job. docs/c-plugins.md explains it. */
#define _GNU_SOURCE
#include "dtlto_plugin.h"
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct pool {
  const dtlto_host *host;
  char codegen[4096];
  pthread_mutex_t mutex;
  pthread_cond_t ended;
  struct run *running;
};

struct run {
  struct run *next;
  struct pool *pool;
  dtlto_call call;
  const dtlto_job *job;
  int aborted;
  pid_t pid; /* of its dtlto-codegen; 0: not yet */
};

/* Our end of a socket that is the program's input and output; -1: it cannot be started. */
static int start(struct run *run) {
  int pair[2];
  char *argv[] = {run->pool->codegen, (char *)"--serve", NULL}, *env[] = {NULL};
  posix_spawn_file_actions_t files;
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
    return -1;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_adddup2(&files, pair[1], 0);
  posix_spawn_file_actions_adddup2(&files, pair[1], 1);
  pthread_mutex_lock(&run->pool->mutex);
  if (run->aborted || posix_spawn(&run->pid, argv[0], &files, NULL, argv, env) != 0)
    run->pid = 0;
  pthread_mutex_unlock(&run->pool->mutex);
  posix_spawn_file_actions_destroy(&files);
  close(pair[1]);
  return pair[0]; /* if nothing was started, the other end is closed */
}

static int send_message(int fd, const dtlto_job *job) {
  for (size_t i = 0; i < job->message_parts; ++i)
    for (size_t done = 0; done < job->message[i].size;) {
      ssize_t sent = send(fd, (const char *)job->message[i].data + done, job->message[i].size - done, MSG_NOSIGNAL);
      if (sent <= 0)
        return 0;
      done += (size_t)sent;
    }
  return shutdown(fd, SHUT_WR) == 0;
}

static char *receive_all(int fd, size_t *size) {
  char *bytes = NULL;
  for (ssize_t got = 1; got > 0; *size += got > 0 ? (size_t)got : 0) {
    bytes = (char *)realloc(bytes, *size + (1 << 18));
    got = recv(fd, bytes + *size, 1 << 18, 0);
  }
  return bytes;
}

static void *work(void *argument) {
  struct run *run = (struct run *)argument, **at;
  struct pool *pool = run->pool;
  char *answer = NULL;
  dtlto_result result = {.size = sizeof(result), .text = "dtlto-codegen gave no answer"};
  int fd = start(run);
  if (fd >= 0 && send_message(fd, run->job))
    result.data.data = answer = receive_all(fd, &result.data.size);
  close(fd);
  pthread_mutex_lock(&pool->mutex); /* nobody kills a process that has been waited for */
  if (run->pid != 0)
    waitpid(run->pid, NULL, 0);
  for (at = &pool->running; *at != run;)
    at = &(*at)->next;
  *at = run->next;
  result.outcome = run->aborted ? DTLTO_ABORTED : result.data.size ? DTLTO_DONE : DTLTO_FAILED;
  pool->host->finish(run->call, &result);
  pthread_cond_broadcast(&pool->ended);
  pthread_mutex_unlock(&pool->mutex);
  free(answer);
  free(run);
  return NULL;
}

static void *open_pool(const dtlto_host *host, const dtlto_context *context, char *error, size_t size) {
  dtlto_endpoint endpoint = {.size = sizeof(endpoint), .id = "threads", .accepting = 1};
  const dtlto_endpoint *endpoints = &endpoint;
  struct pool *pool = (struct pool *)calloc(1, sizeof(*pool));
  if (!pool)
    return strncpy(error, "out of memory", size), NULL;
  for (size_t i = 0; context->options[i]; ++i)
    if (strcmp(context->options[i]->name, "slots") == 0)
      endpoint.slots = (uint32_t)atoi(context->options[i]->items[0]);
  strncpy(pool->codegen, context->codegen_program, sizeof(pool->codegen) - 1);
  pool->host = host;
  pthread_mutex_init(&pool->mutex, NULL);
  pthread_cond_init(&pool->ended, NULL);
  host->set_endpoints(context->link, &endpoints, 1);
  return pool;
}

static void compile(void *self, dtlto_call call, const dtlto_job *job) {
  struct pool *pool = (struct pool *)self;
  struct run *run = (struct run *)calloc(1, sizeof(*run));
  dtlto_result none = {.size = sizeof(none), .outcome = DTLTO_FAILED, .text = "no thread"};
  pthread_t thread;
  pthread_mutex_lock(&pool->mutex);
  *run = (struct run){pool->running, pool, call, job, 0, 0};
  if (pthread_create(&thread, NULL, work, run) == 0) {
    pthread_detach(thread);
    pool->running = run;
  } else {
    free(run);
    pool->host->finish(call, &none);
  }
  pthread_mutex_unlock(&pool->mutex);
}

static void cancel(void *self, dtlto_call call) { /* 0: all */
  struct pool *pool = (struct pool *)self;
  pthread_mutex_lock(&pool->mutex);
  for (struct run *run = pool->running; run; run = run->next)
    if ((call == 0 || run->call == call) && (run->aborted = 1) && run->pid != 0)
      kill(run->pid, SIGKILL);
  pthread_mutex_unlock(&pool->mutex);
}

static void destroy(void *self) {
  struct pool *pool = (struct pool *)self;
  cancel(self, 0);
  pthread_mutex_lock(&pool->mutex);
  while (pool->running)
    pthread_cond_wait(&pool->ended, &pool->mutex);
  pthread_mutex_unlock(&pool->mutex);
  free(pool);
}

static const dtlto_option slots = {sizeof(slots), "slots", "jobs at a time", DTLTO_INTEGER, "2", 1, 256, NULL, 0};
static const dtlto_option *const all[] = {&slots, NULL};
const dtlto_plugin dtlto_plugin_v1 = {.size = sizeof(dtlto_plugin_v1),
                                      .abi = DTLTO_PLUGIN_ABI,
                                      .name = "threads",
                                      .form = DTLTO_MESSAGE,
                                      .integrity = 1,
                                      .options = all,
                                      .open = open_pool,
                                      .compile = compile,
                                      .cancel = cancel,
                                      .destroy = destroy};
