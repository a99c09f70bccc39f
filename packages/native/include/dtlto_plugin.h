/*
 * A distributor for dtlto as a plain shared library: no Node, no LLVM, no C++.
 *
 * The library exports one table, dtlto_plugin_v1. dtlto loads it when a link names
 * it (--distribute=./libfarm.so), opens it once a link, and calls it on one thread,
 * the linker's event loop: a function must return at once, and what takes longer
 * belongs on threads of the plugin's own. The plugin calls the functions of
 * dtlto_host from any thread; none of them blocks, and all copy what they are given.
 *
 * A call that has an answer has a number (dtlto_call). It is finished exactly once,
 * by host->finish, from any thread, also before the function that began it has
 * returned. A number is never used again, so that an answer that comes twice or too
 * late does no harm. What a job points to is valid until its call is finished.
 *
 * Structs grow at their end. `size` is sizeof of the struct as its writer knows it;
 * the reader takes fields beyond it for zero. So that this works for lists, they are
 * lists of pointers, and those without a count end with NULL.
 *
 * Texts are UTF-8. Sizes are bytes, times milliseconds.
 *
 * docs/c-plugins.md has the whole story, examples/c-plugin a distributor of 150
 * lines. This file may be copied into your project: it has the licence of dtlto,
 * Apache-2.0 WITH LLVM-exception.
 */
#ifndef DTLTO_PLUGIN_H
#define DTLTO_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The meaning of everything here. Another number is refused. */
#define DTLTO_PLUGIN_ABI 1u

typedef uint64_t dtlto_link; /* number of an opened distributor */
typedef uint64_t dtlto_call; /* number of something to be finished */

typedef struct dtlto_span {
  const void *data;
  size_t size;
} dtlto_span;

/* ---- What a user may write: --distribute=./libfarm.so,host=a+b,slots=4 ---- */

typedef enum dtlto_option_type {
  DTLTO_STRING,
  DTLTO_INTEGER,
  DTLTO_BOOLEAN, /* values: "true" or "false" */
  DTLTO_LIST     /* of strings; a user separates them by + */
} dtlto_option_type;

enum { /* dtlto_option.flags */
  DTLTO_OPTION_RUNS_CODE = 1,    /* the value names code or a program to run */
  DTLTO_OPTION_READS_SECRETS = 2 /* it may name files that are sent away */
};

typedef struct dtlto_option {
  size_t size;
  const char *name;
  const char *description;
  int type;                  /* dtlto_option_type */
  const char *default_value; /* as a user would write it; NULL: none */
  int64_t min, max;          /* of integers; both 0: any */
  const char *const *choices; /* of strings; NULL: any */
  unsigned flags;
} dtlto_option;

/* An option's value, checked by dtlto. */
typedef struct dtlto_value {
  size_t size;
  const char *name;
  const char *const *items; /* one, or those of a list */
} dtlto_value;

/* ---- Endpoints: where jobs run. The scheduler decides which gets which. ---- */

typedef struct dtlto_endpoint {
  size_t size;
  const char *id;          /* a host's name, a cluster's address: unique, stable */
  uint32_t slots;          /* jobs at a time */
  uint32_t busy_elsewhere; /* slots that others use, where known */
  int accepting;           /* 0: connecting, closing or gone */
  int has_queue;           /* 1: jobs wait there, and host->started tells */
  double speed;            /* of a slot; 1 is one of the linking machine, 0 unknown */
  double latency_ms;       /* 0: unknown */
  double queue_limit_ms;   /* longest wait in its queue; 0: dtlto's default */
  double deadline_ms;      /* its own limit for a job; 0: none */
  const char *text;        /* one line for people, or NULL */
} dtlto_endpoint;

/* ---- Jobs ---- */

/* In which form the plugin wants its jobs. */
typedef enum dtlto_form {
  /* One message for `dtlto-codegen --serve`, its answer the result: the plugin
   * carries bytes and knows nothing of them but dtlto_answer_size. */
  DTLTO_MESSAGE,
  /* The files of a directory for `dtlto-codegen --job DIR -o OBJECT --side-outputs
   * OUT`, contents named by their SHA-256. The result: OBJECT, and OUT/result. */
  DTLTO_DIRECTORY,
  /* Arguments and files for a stock clang of the linker's LLVM version. The
   * result: the object, and what clang printed. */
  DTLTO_CLANG
} dtlto_form;

typedef struct dtlto_file {
  size_t size;
  const char *name;   /* relative, with '/' */
  const char *sha256; /* lower-case hexadecimal; NULL in the form DTLTO_CLANG */
  uint64_t bytes;     /* of all parts */
  const dtlto_span *parts;
  size_t part_count;
} dtlto_file;

typedef struct dtlto_job {
  size_t size;
  uint32_t index; /* in the link */
  uint32_t task;  /* LLVM's number */
  const char *module_id;
  const char *target_triple;
  const char *cache_key;   /* equal keys, equal objects; "" if there is none */
  double cost;             /* estimated work, in IR instructions */
  uint64_t bitcode_bytes;
  uint64_t imported_bytes; /* of imported_modules other modules */
  uint32_t imported_modules;
  /* The rest is zero in prepare(). */
  const char *endpoint;      /* where it is to run */
  const dtlto_span *message; /* DTLTO_MESSAGE: to be sent one after the other */
  size_t message_parts;
  uint64_t message_bytes;
  const dtlto_file *const *files; /* DTLTO_DIRECTORY, DTLTO_CLANG */
  size_t file_count;
  const char *const *arguments; /* DTLTO_CLANG: after the compiler's name */
  const char *output;           /* DTLTO_CLANG: the file that is the object */
} dtlto_job;

typedef enum dtlto_outcome {
  DTLTO_DONE, /* a result; for calls without one: it worked */
  /* The job is at fault: `text` holds the compiler's errors. The linker compiles it
   * once more itself and reports. (The form DTLTO_MESSAGE says so in its answer.) */
  DTLTO_DOES_NOT_COMPILE,
  DTLTO_CANNOT,               /* no way to express this job: it goes elsewhere */
  DTLTO_CANNOT_AT_ENDPOINT,   /* the same, but other endpoints may get it */
  DTLTO_FAILED,               /* trouble of the system: tried again elsewhere */
  DTLTO_ENDPOINT_REFUSED,     /* the endpoint cannot be used in this link */
  DTLTO_ABORTED               /* after cancel() */
} dtlto_outcome;

typedef struct dtlto_result {
  size_t size;
  int outcome;        /* dtlto_outcome */
  dtlto_span data;    /* DTLTO_MESSAGE: the answer; else the object */
  dtlto_span details; /* DTLTO_DIRECTORY: the file OUT/result */
  const char *text;   /* why not; DTLTO_CLANG: all that clang printed. May be NULL */
  const char *worker; /* the machine, where the endpoint has several; or NULL */
  double queued_ms, send_ms, compile_ms, receive_ms; /* 0: unknown */
} dtlto_result;

/* ---- What dtlto does for the plugin. Any thread; at once; all is copied. ---- */

typedef struct dtlto_host {
  size_t size;
  uint32_t abi;
  /* Ends a call. 1: taken; 0: there is no such call (any more). */
  int (*finish)(dtlto_call, const dtlto_result *);
  /* The remote work of a job begins now, where the endpoint has a queue. */
  void (*started)(dtlto_call);
  /* All endpoints, in place of those given before: call it in open(), and whenever
   * something has changed. */
  void (*set_endpoints)(dtlto_link, const dtlto_endpoint *const *, size_t count);
  /* Shown to the user once for each kind, a short word. */
  void (*warn)(dtlto_link, const char *kind, const char *message);
  /* For --distribute-trace. */
  void (*debug)(dtlto_link, const char *message);
} dtlto_host;

typedef struct dtlto_context {
  size_t size;
  dtlto_link link;
  const char *flavour;      /* elf, mingw, coff, macho or wasm */
  const char *llvm_version; /* 22.1.8: workers need the same */
  const char *working_directory;
  const char *codegen_program;     /* path of dtlto-codegen on this machine */
  const dtlto_value *const *options; /* all that have a value */
} dtlto_context;

/* ---- What the plugin exports ---- */

typedef struct dtlto_plugin {
  size_t size;
  uint32_t abi;     /* DTLTO_PLUGIN_ABI */
  const char *name; /* lower-case letters, digits and hyphens */
  int form;         /* dtlto_form */
  /* 1: an object is what the compiler made, bit for bit (checked by a digest from
   * there, or never off this machine), and may be kept for later links. */
  int integrity;
  const dtlto_option *const *options; /* NULL: none */

  /* For one link. `host` stays valid for ever, `context` until open() returns.
   * NULL: it cannot be used, and `error`, a buffer of `error_size`, says why. */
  void *(*open)(const dtlto_host *host, const dtlto_context *context,
                char *error, size_t error_size);
  /* All jobs of the link, before the first compile(), which waits for it to be
   * finished for 30 seconds at most. May be NULL. */
  void (*prepare)(void *self, dtlto_call, const dtlto_job *const *, size_t count);
  /* Whether an endpoint works: before its first job, after trouble, when its jobs
   * are late. Finished by DTLTO_DONE, DTLTO_FAILED or DTLTO_ENDPOINT_REFUSED. May be
   * NULL. */
  void (*probe)(void *self, dtlto_call, const char *endpoint);
  /* Never more jobs at a time than the endpoint has slots. */
  void (*compile)(void *self, dtlto_call, const dtlto_job *);
  /* The result is not wanted any more: finish soon, DTLTO_ABORTED. */
  void (*cancel)(void *self, dtlto_call);
  /* No more jobs: finish when those that run are done. May be NULL. */
  void (*close)(void *self, dtlto_call);
  /* The last function that is called. End what runs, and free `self`. */
  void (*destroy)(void *self);
} dtlto_plugin;

/* Size of the answer of `dtlto-codegen --serve` that begins with `bytes`; 0 if it
 * cannot be told from so few, UINT64_MAX if it is none. */
static inline uint64_t dtlto_answer_size(const void *bytes, size_t size) {
  const unsigned char *b = (const unsigned char *)bytes;
  uint64_t text = 0, body = 0;
  int i;
  if (size >= 4 && !(b[0] == 'D' && b[1] == 'T' && b[2] == 'L' && b[3] == 'R'))
    return UINT64_MAX;
  if (size < 16)
    return 0;
  for (i = 3; i >= 0; --i)
    text = text << 8 | b[4 + i];
  for (i = 7; i >= 0; --i)
    body = body << 8 | b[8 + i];
  return body > UINT64_MAX / 2 ? UINT64_MAX : 48 + text + body;
}

#if defined(__GNUC__)
__attribute__((visibility("default")))
#endif
extern const dtlto_plugin dtlto_plugin_v1;

#ifdef __cplusplus
}
#endif

#endif
