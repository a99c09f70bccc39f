/* A distributor in C that runs compilers on the files of its jobs, in a directory for each, and waits for them: FORM says for which. */
#include "dtlto_plugin.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const dtlto_host *host;
static char codegen[4096];

static void *open_it(const dtlto_host *given, const dtlto_context *context, char *error, size_t error_size) {
  static int self;
  dtlto_endpoint endpoint = {.size = sizeof(endpoint), .id = "here", .slots = 1, .accepting = 1};
  const dtlto_endpoint *endpoints = &endpoint;
  (void)error;
  (void)error_size;
  host = given;
  strncpy(codegen, context->codegen_program, sizeof(codegen) - 1);
  host->set_endpoints(context->link, &endpoints, 1);
  return &self;
}

static void write_file(const char *directory, const dtlto_file *file) {
  char path[8192];
  FILE *out;
  uint64_t bytes = 0;
  snprintf(path, sizeof(path), "%s/%s", directory, file->name);
  for (char *slash = path + strlen(directory) + 1; (slash = strchr(slash, '/')); ++slash) {
    *slash = 0;
    mkdir(path, 0700);
    *slash = '/';
  }
  out = fopen(path, "wb");
  for (size_t i = 0; i < file->part_count; bytes += file->parts[i++].size)
    fwrite(file->parts[i].data, 1, file->parts[i].size, out);
  fclose(out);
  if (bytes != file->bytes || (file->sha256 == NULL) != (FORM == DTLTO_CLANG))
    abort();
}

static char *read_file(const char *directory, const char *name, size_t *size) {
  char path[8192];
  FILE *in;
  char *bytes = (char *)malloc(1 << 24);
  snprintf(path, sizeof(path), "%s/%s", directory, name);
  in = fopen(path, "rb");
  *size = in ? fread(bytes, 1, 1 << 24, in) : 0;
  if (in)
    fclose(in);
  return bytes;
}

/* Waiting here is against the rules, and easy to follow. */
static void compile(void *self, dtlto_call call, const dtlto_job *job) {
  char directory[] = "/tmp/dtlto-forms-XXXXXX", command[8192];
  dtlto_result result = {.size = sizeof(result)};
  char *object, *details;
  const char *argv[256] = {"clang-22"};
  int status;
  (void)self;
  if (!mkdtemp(directory))
    abort();
  for (size_t i = 0; i < job->file_count; ++i)
    write_file(directory, job->files[i]);
  for (size_t i = 0; FORM == DTLTO_CLANG && job->arguments[i]; ++i)
    argv[i + 1] = job->arguments[i];
  if (vfork() == 0) {
    if (chdir(directory) == 0 && FORM == DTLTO_CLANG)
      execvp(argv[0], (char *const *)argv);
    execl(codegen, codegen, "--job", ".", "-o", "object", "--side-outputs", "out", (char *)NULL);
    _exit(127);
  }
  wait(&status);
  result.outcome = WIFEXITED(status) && WEXITSTATUS(status) == 0 ? DTLTO_DONE : DTLTO_FAILED;
  object = read_file(directory, FORM == DTLTO_CLANG ? job->output : "object", &result.data.size);
  details = read_file(directory, "out/result", &result.details.size);
  result.data.data = object;
  result.details.data = details;
  result.text = "";
  result.worker = "a worker";
  result.compile_ms = 7;
  host->finish(call, &result);
  free(object);
  free(details);
  snprintf(command, sizeof(command), "rm -rf %s", directory);
  if (system(command) != 0)
    abort();
}

static void cancel(void *self, dtlto_call call) {
  (void)self;
  (void)call;
}

static void destroy(void *self) { (void)self; }

const dtlto_plugin dtlto_plugin_v1 = {.size = sizeof(dtlto_plugin_v1), .abi = DTLTO_PLUGIN_ABI, .name = "forms", .form = FORM,
                                      .integrity = 1, .open = open_it, .compile = compile, .cancel = cancel, .destroy = destroy};
