/* The contract between compiled code and the runtime that is linked into the same artifact. Plain C; not for users (they include qcc.h, which every artifact brings along as model.h).
 *
 * The compiler emits one `qcc_program_data`; the runtime maps the weights, picks the best variant by CPU features, chooses an entry by
 * the number of rows (batch * seq), allocates the arena, and lets every thread of its pool call the entry. Compiled code is SPMD: each
 * thread computes its share of a region and meets the others in `barrier`, which it tells the number of that region. It never allocates,
 * never writes weights, never throws. */
#ifndef QCC_RUNTIME_PROGRAM_H
#define QCC_RUNTIME_PROGRAM_H
#include <stdint.h>

#define QCC_PROGRAM_VERSION 9

/* Dimensions that the runtime knows by name in program.dims (each may be missing); every other one is an extent of some input, or computed.
 *   batch, seq   rows of this call = batch * seq
 *   past         positions already in the KV state (0 at first); total = past + seq
 *   context      capacity of the KV state, fixed for a session: state_bytes and the cache's strides may depend on it
 *   keep         1 <= keep <= seq: logits are computed for the last `keep` positions only. Missing: for all of seq.
 * The caller of an entry guarantees past + seq <= context, and tokens in [0, vocabulary). */

/* The manifest, embedded weights and images of devices lie in ELF sections of these names, so that tools read them without running the artifact. */
#define QCC_MANIFEST_SECTION ".qcc.manifest"
#define QCC_WEIGHTS_SECTION ".qcc.weights"
#define QCC_DEVICE_SECTION ".qcc.device"

/* Run-time errors that compiled code can find; the first one is kept in invocation.status[0], its detail in status[1]. */
enum {
  QCC_RUN_OK = 0,
  QCC_RUN_INDEX_OUT_OF_RANGE = 1,                             /* detail: the index */
  QCC_RUN_ROW_LENGTH = 2                                      /* a row of the batch is shorter than its new tokens or longer than past and new ones; detail: its tokens */
};

/* A dimension: one that compilation fixed (--shape, or the file), one that compiled code computes from those before and after it that it does
 * not compute (`batch*seq` of a reshaped output), or one that inputs or the runtime tell. */
typedef struct {
  const char *name;                                           /* batch, seq, past, context, ... */
  int64_t fixed;                                              /* its only extent; 0: any */
  int64_t (*value)(const int64_t *dims);                      /* null: not computed */
} qcc_dim;

/* Two extents that the program takes as equal, though no name says that they are. Extents as in a port's shape. */
typedef struct {
  int64_t left, right;
  const char *node;                                           /* what needs it */
} qcc_equal_dims;

/* One call of the program; the same for all threads. The order and types of the fields are known to the code generator. */
typedef struct qcc_invocation {
  const uint8_t *weights;                                     /* the data region of the weights file, 64-byte aligned */
  uint8_t *arena;                                             /* scratch, entry.arena_bytes(dims) bytes, 64-byte aligned */
  uint8_t *state;                                             /* KV state, program.state_bytes(dims) bytes, 64-byte aligned */
  void *const *buffers;                                       /* inputs, then outputs, in port order; dense, row major */
  const int64_t *dims;                                        /* values of program.dims */
  int64_t *status;                                            /* [2] */
  int64_t threads;
  void (*barrier)(const struct qcc_invocation *, int64_t thread, int64_t region);  /* region: index in variant.regions; -1: none of them */
  void *meeting;                                              /* the model, where the runtime meets the threads */
  int64_t prefetch;                                           /* bytes ahead that loops over weights prefetch on this CPU; 0: not at all */
  void (*observe)(const struct qcc_invocation *, const uint8_t *weight, const float *values, int64_t rows, int64_t columns);  /* see qcc_observe; weight may be null */
} qcc_invocation;

/* Programs of a device. The compiler emits kernels as one image that the device's driver loads, and every entry as a list of launches. A launch
 * starts when the one before it has ended. A kernel's parameters are five pointers to memory of the device, then the launch's own numbers:
 *   weights, arena, state   as in qcc_invocation
 *   scratch                 launches use qcc_kernel.scratch_bytes for each block
 *   call                    8-byte numbers: status[2], the address of the caller's status[2], then the values of program.dims, then the addresses of
 *                           the buffers. The first thread that finds an error says so in status[0], and what it is in the caller's, which is memory
 *                           of the host, as that of buffers may be which are only written.
 * Kernels divide their work among any number of blocks; results do not depend on it. */
#define QCC_CALL_STATUS 2                                     /* where things are in `call` */
#define QCC_CALL_DIMS 3
typedef struct {
  const char *name;                                           /* in the image */
  int64_t threads;                                            /* of a block */
  int64_t scratch_bytes;                                      /* of device memory, for each block */
  int64_t num_params;                                         /* of a launch */
  int64_t waits;                                              /* it may start before the launch before it has ended, and waits for that itself */
  int64_t shares;                                             /* more clusters than these would have no work; 0: the dimensions say how many have */
  int64_t cluster;                                            /* blocks that work together: a launch has a multiple of them */
} qcc_kernel;

typedef struct {
  int64_t kernel;                                             /* index in device.kernels */
  const int64_t *params;                                      /* [kernel.num_params] */
} qcc_launch;

typedef struct {
  const char *image;                                          /* PTX, null-terminated */
  int64_t image_bytes;
  const char *binary;                                         /* machine code that some of these devices run; null: none */
  int64_t capability;                                         /* 10 * major + minor: the least compute capability, or the only one */
  int64_t exact;
  int64_t driver;                                             /* the least version that cuDriverGetVersion may tell */
  const qcc_kernel *kernels;
  int64_t num_kernels;
} qcc_device;

typedef struct {
  const char *name;                                           /* decode, short, long */
  int64_t min_rows, max_rows;                                 /* of batch * seq, inclusive */
  void (*run)(const qcc_invocation *, int64_t thread);        /* null on a device */
  int64_t (*arena_bytes)(const int64_t *dims);
  const qcc_launch *launches;                                 /* on a device, in order */
  int64_t num_launches;
} qcc_entry;

/* What threads do from one barrier to the next: the place, by its barrier, in the code of one variant. */
typedef struct {
  const char *kernels;                                        /* generated functions that it calls, " + " between them; loops: the generic path */
  const char *nodes;                                          /* ONNX nodes that they come from; * where layers that share the code differ */
  int64_t weight_bytes;                                       /* read by a call for any number of rows; 0: none */
  int64_t macs;                                               /* multiply-adds of matmuls for each row; 0: none or not known */
  const int64_t *rows;                                        /* [num_rows] factors of a call's number of rows, as in a port's shape */
  int64_t num_rows;
} qcc_region;

typedef struct {
  const char *name;                                           /* x86-avx512vnni */
  uint64_t features;                                          /* all these QCC_CPU_* bits are needed; see Features.h */
  const qcc_entry *entries;
  int64_t num_entries;
  const qcc_region *regions;
  int64_t num_regions;
  const qcc_device *device;                                   /* null: the CPU that runs this */
} qcc_variant;                                                /* best first */

enum { QCC_DTYPE_INT = 0, QCC_DTYPE_UINT = 1, QCC_DTYPE_FLOAT = 2, QCC_DTYPE_BFLOAT = 4, QCC_DTYPE_BOOL = 6 };  /* DLPack's codes */
enum { QCC_ROLE_NONE = 0, QCC_ROLE_TOKENS = 1, QCC_ROLE_POSITIONS = 2, QCC_ROLE_MASK = 3, QCC_ROLE_LOGITS = 4, QCC_ROLE_PAST = 5, QCC_ROLE_PRESENT = 6 };
typedef struct {
  const char *name;                                           /* as in the ONNX graph */
  int32_t code, bits;                                         /* DLPack type code and bits of an element */
  int32_t role, rank;
  const int64_t *shape;                                       /* >= 0: extent; < 0: dims[-1 - shape[i]] */
} qcc_port;

typedef struct {
  uint32_t version;                                           /* QCC_PROGRAM_VERSION */
  uint32_t flags;                                             /* bit 0: keeps KV state (generates text); bit 1: weights are embedded */
  const qcc_port *inputs, *outputs;
  int64_t num_inputs, num_outputs;
  const qcc_dim *dims;
  int64_t num_dims;
  const qcc_equal_dims *equal_dims;                           /* checked before anything runs */
  int64_t num_equal_dims;
  const qcc_variant *variants;
  int64_t num_variants;
  int64_t (*state_bytes)(const int64_t *dims);                /* null without state */
  int64_t max_context, vocabulary;                            /* 0 where they do not apply */
  int64_t weights_bytes;                                      /* length of the data region */
  uint8_t weights_id[32];                                     /* SHA-256 of the section table; equals the weights file's */
  const uint8_t *embedded_weights;                            /* a whole weights file, or null */
  const char *manifest;                                       /* JSON: what qcc-inspect prints */
  int64_t manifest_bytes;
  int64_t decode_bytes;                                       /* weight bytes that a decode step reads (for GB/s); 0: not known */
} qcc_program;

/* Hidden: several artifacts live in one process, and each must find its own. */
extern const qcc_program qcc_program_data __attribute__((visibility("hidden")));
#endif
