/* The C API of an artifact that qcc compiled: model.so with model.weights beside it (or embedded). Plain C99 or C++; copied next to
 * every artifact as model.h. Link against the library, or open it with dlopen(RTLD_LOCAL) and look the functions up: several models
 * live in one process without seeing each other, since a library exports these functions only and keeps no global state.
 *
 *   qcc_model *m;
 *   if (qcc_open(NULL, &m) != QCC_OK) { fprintf(stderr, "%s\n", qcc_error(m)); qcc_close(m); return 1; }
 *
 * Errors: functions return a status and never print, throw or exit; qcc_error tells what happened and what was expected.
 * Threads: calls on one model take turns (a lock), so any thread may call. Different models run at the same time. The message is that of the
 * model's last failing call: threads that share a model and read messages need a lock of their own around both.
 * Processes: a model belongs to the process that opened it. After fork() the child opens its own (calls on the parent's fail). */
#ifndef QCC_H
#define QCC_H
#include <stddef.h>
#include <stdint.h>

/* DLPack's tensor struct: the user's dlpack.h where there is one, else the same layout here. */
#if !defined(DLPACK_DLPACK_H_) && defined(__has_include)
#if __has_include(<dlpack/dlpack.h>)
#include <dlpack/dlpack.h>
#endif
#endif
#ifndef DLPACK_DLPACK_H_
typedef struct { int32_t device_type, device_id; } DLDevice;  /* 1 = CPU */
typedef struct { uint8_t code, bits; uint16_t lanes; } DLDataType;  /* code: 0 int, 1 uint, 2 float, 4 bfloat, 6 bool */
typedef struct {
  void *data;
  DLDevice device;
  int32_t ndim;
  DLDataType dtype;
  int64_t *shape, *strides;                                   /* strides may be null: dense, row major */
  uint64_t byte_offset;
} DLTensor;
#endif

#ifdef __cplusplus
extern "C" {
#endif
#define QCC_API __attribute__((visibility("default")))
#define QCC_API_VERSION 3                                     /* grows when functions are added; what exists stays as it is */

typedef enum {
  QCC_OK = 0,
  QCC_ERROR_ARGUMENT = 1,                                     /* a null pointer, a wrong shape, type or count */
  QCC_ERROR_WEIGHTS = 2,                                      /* weights shortened, of another model, or damaged */
  QCC_ERROR_CPU = 3,                                          /* no variant of the program runs on this CPU */
  QCC_ERROR_MEMORY = 4,
  QCC_ERROR_TOKEN = 5,                                        /* a token or index is out of range */
  QCC_ERROR_CONTEXT = 6,                                      /* the sequence would not fit the context */
  QCC_ERROR_THREAD = 7,                                       /* the system gave no thread */
  QCC_ERROR_DEVICE = 8,                                       /* no device that runs the program, no driver for it, or it failed */
  QCC_ERROR_FILE = 9                                          /* the file of weights cannot be opened */
} qcc_status;

typedef struct qcc_model qcc_model;
typedef struct qcc_session qcc_session;

/* Zero means the default everywhere; `size` = sizeof(qcc_options) tells which fields the caller knows. */
enum {
  QCC_VERIFY_WEIGHTS = 1,                                     /* check the SHA-256 of every section (reads all of the file) */
  QCC_COPY_WEIGHTS = 2,                                       /* copy the weights into huge pages: slower start, fewer page misses */
  QCC_PIN_THREADS = 4,                                        /* pin worker i to the i-th CPU that the process may use */
  QCC_PROFILE = 8                                             /* measure where the time goes; see qcc_get_profile (version 2) */
};
typedef struct {
  size_t size;
  const char *weights;                                        /* path; null: embedded, or model.weights beside model.so */
  const char *variant;                                        /* null: the best that this CPU runs; see qcc_variant_name */
  int threads;                                                /* 0: one for each CPU that the process may use */
  unsigned flags;
} qcc_options;

/* `*model` is set even when opening fails, so that qcc_error can tell why; close it in any case. Null options: all defaults. */
QCC_API qcc_status qcc_open(const qcc_options *options, qcc_model **model);
QCC_API void qcc_close(qcc_model *model);                     /* all its sessions must be closed before; null is fine */
QCC_API const char *qcc_error(const qcc_model *model);        /* of the last failed call; valid until the next call */
QCC_API uint32_t qcc_api_version(void);

typedef struct {
  size_t size;                                                /* in: sizeof(qcc_info) */
  const char *variant;                                        /* x86-avx512vnni */
  int threads;
  int has_state;                                              /* 1: generates text, use sessions; 0: use qcc_run */
  int64_t num_inputs, num_outputs, num_variants;
  int64_t max_context, vocabulary;                            /* 0 where they do not apply */
  int64_t weights_bytes, decode_bytes;                        /* all weights; those that one decode step reads (0: not known) */
  const char *manifest;                                       /* JSON, null-terminated: what qcc-inspect prints (docs/Artifact.md) */
} qcc_info;
QCC_API qcc_status qcc_get_info(const qcc_model *model, qcc_info *info);
QCC_API const char *qcc_variant_name(const qcc_model *model, int64_t index);      /* null past the end */

typedef struct {
  size_t size;                                                /* in: sizeof(qcc_port_info) */
  const char *name;                                           /* as in the ONNX graph */
  DLDataType dtype;
  int32_t rank;
  int64_t shape[8];                                           /* -1 where the caller chooses */
  const char *dims[8];                                        /* the name of such a dimension, else null */
} qcc_port_info;
QCC_API qcc_status qcc_input_info(const qcc_model *model, int64_t index, qcc_port_info *port);
QCC_API qcc_status qcc_output_info(const qcc_model *model, int64_t index, qcc_port_info *port);

/* Runs a program without state. Tensors come in the order of the ports, in CPU memory, dense. Outputs are the caller's memory;
 * qcc_output_shape tells the extents (`shape`: at least 8 numbers) that an output will have with these inputs. */
QCC_API qcc_status qcc_output_shape(qcc_model *model, const DLTensor *inputs, int64_t num_inputs, int64_t output, int64_t *shape);
QCC_API qcc_status qcc_run(qcc_model *model, const DLTensor *inputs, int64_t num_inputs, const DLTensor *outputs, int64_t num_outputs);

/* A session is `batch` sequences of one length that grow together, and their KV state. */
typedef struct {
  size_t size;                                                /* sizeof(qcc_session_options) */
  int64_t batch;                                              /* 0: 1 */
  int64_t context;                                            /* most tokens a sequence may have; 0: the model's max_context */
} qcc_session_options;
QCC_API qcc_status qcc_session_open(qcc_model *model, const qcc_session_options *options, qcc_session **session);
QCC_API void qcc_session_close(qcc_session *session);

/* Appends tokens[batch][count] to the sequences. `logits` receives floats [batch][vocabulary] of the last position
 * (QCC_LOGITS_LAST) or [batch][count][vocabulary] (QCC_LOGITS_ALL). After an error the sequences are as before the call. */
enum { QCC_LOGITS_NONE = 0, QCC_LOGITS_LAST = 1, QCC_LOGITS_ALL = 2 };
QCC_API qcc_status qcc_session_append(qcc_session *session, const int64_t *tokens, int64_t count, int what, float *logits);

/* Greedy text: appends prompt[batch][count], then up to `max_new` tokens, the most likely one each time, written to
 * out[batch][max_new]. Calls `emit` (may be null) after each step with the `batch` new tokens; nonzero from it stops.
 * `*produced`: steps made. The last token is not appended: the next call's prompt starts with it. Nothing is computed where the prompt and `max_new` - 1
 * tokens do not fit the context (QCC_ERROR_CONTEXT). */
typedef int (*qcc_emit)(void *user, const int64_t *tokens);
QCC_API qcc_status qcc_session_generate(qcc_session *session, const int64_t *prompt, int64_t count, int64_t max_new, int64_t *out,
                                        int64_t *produced, qcc_emit emit, void *user);
QCC_API int64_t qcc_session_position(const qcc_session *session);                 /* tokens so far, of each sequence */
QCC_API qcc_status qcc_session_truncate(qcc_session *session, int64_t position);  /* forget what follows; 0 starts anew */

/* Where the time goes, of a model opened with QCC_PROFILE (which costs well under a microsecond per region and changes no result).
 * Regions are what all threads do between two of the program's barriers: one or a few kernels. Numbers are sums since
 * qcc_open or qcc_reset_profile. Times are those of all threads added up: the regions' work_ns + wait_ns and rest_ns give total_ns.
 * Since version 2. */
typedef struct {
  size_t size;                                                /* in: sizeof(qcc_profile) */
  int64_t num_regions;                                        /* of the variant: those of prompts and of single tokens differ */
  int64_t calls;                                              /* of the program: a chunk of at most 512 rows each */
  int64_t total_ns;                                           /* from beginning to end of these calls, times threads */
  int64_t rest_ns;                                            /* that no region covers: waking the threads, and the last to finish */
} qcc_profile;
QCC_API qcc_status qcc_get_profile(qcc_model *model, qcc_profile *profile);
QCC_API qcc_status qcc_reset_profile(qcc_model *model);

typedef struct {
  size_t size;                                                /* in: sizeof(qcc_region_info) */
  const char *kernels;                                        /* names of generated functions, " + " between them; loops: the generic path */
  const char *nodes;                                          /* of the ONNX graph; * where layers that share the code differ */
  int64_t calls;
  int64_t work_ns;                                            /* until a thread arrives at the barrier that ends the region */
  int64_t wait_ns;                                            /* until the slowest has arrived there too */
  int64_t best_ns;                                            /* the shortest call, from barrier to barrier (one duration) */
  int64_t weight_bytes;                                       /* that all calls read at least: each weight once a call */
  int64_t macs;                                               /* multiply-adds of matmuls in all calls; 0: none or not known */
} qcc_region_info;
QCC_API qcc_status qcc_get_region(qcc_model *model, int64_t index, qcc_region_info *region);

/* Looks on while a program runs that was compiled to be observed (for calibration; qnt.observe), others never call: before rows are multiplied with
 * a weight, one thread calls `observe` with the weight's offset in the data region of the weights file and with values[rows][columns]. It must
 * not call into the model. It may change the weight's bytes in the file: what follows reads the new ones. Null ends it. Since version 3.
 * Programs that are verified (qnt.tap) show values of their own, with weight = -1: the program goes on with what `observe` leaves in them. */
typedef void (*qcc_observer)(void *user, int64_t weight, const float *values, int64_t rows, int64_t columns);
QCC_API qcc_status qcc_observe(qcc_model *model, qcc_observer observe, void *user);
#ifdef __cplusplus
}
#endif
#endif
