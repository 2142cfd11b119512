/* The part of the CUDA driver's interface that the runtime uses: types, constants and functions as cuda.h has them, found at run time, since neither
 * the driver nor its headers may be there. */
#ifndef QCC_LIB_RUNTIME_CUDA_H
#define QCC_LIB_RUNTIME_CUDA_H
#include <stddef.h>
#include <stdint.h>

typedef int CUresult;                                         /* 0: success */
typedef int CUdevice;
typedef uint64_t CUdeviceptr;
typedef struct CUctx_st *CUcontext;
typedef struct CUmod_st *CUmodule;
typedef struct CUfunc_st *CUfunction;
typedef struct CUstream_st *CUstream;
typedef struct CUgraph_st *CUgraph;
typedef struct CUgraphExec_st *CUgraphExec;

typedef struct {                                              /* CUlaunchAttribute: the value is a union of 64 bytes */
  int id;
  char unused[4];
  union { int allowed; char bytes[64]; } value;
} CUlaunchAttribute;
typedef struct {
  unsigned gridX, gridY, gridZ, blockX, blockY, blockZ, sharedBytes;
  CUstream stream;
  CUlaunchAttribute *attributes;
  unsigned numAttributes;
} CUlaunchConfig;

enum {
  CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION = 6,
  CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT = 16,
  CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR = 75,
  CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR = 76,
  CU_JIT_ERROR_LOG_BUFFER = 5,
  CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES = 6,
  CU_STREAM_NON_BLOCKING = 1,
  CU_STREAM_CAPTURE_MODE_THREAD_LOCAL = 1,
  CUDA_ERROR_OUT_OF_MEMORY = 2
};

/* QCCRT_CUDA(name, symbol, parameters): symbols are versioned as cuda.h defines the names. All are in CUDA 11.4. */
#define QCCRT_CUDA_FUNCTIONS(X)                                                                                                                     \
  X(init, cuInit, (unsigned flags))                                                                                                                 \
  X(driverVersion, cuDriverGetVersion, (int *version))                                                                                              \
  X(errorName, cuGetErrorName, (CUresult error, const char **text))                                                                                 \
  X(errorText, cuGetErrorString, (CUresult error, const char **text))                                                                               \
  X(deviceCount, cuDeviceGetCount, (int *count))                                                                                                    \
  X(deviceGet, cuDeviceGet, (CUdevice *device, int index))                                                                                          \
  X(deviceName, cuDeviceGetName, (char *name, int size, CUdevice device))                                                                           \
  X(attribute, cuDeviceGetAttribute, (int *value, int attribute, CUdevice device))                                                                  \
  X(retain, cuDevicePrimaryCtxRetain, (CUcontext *context, CUdevice device))                                                                        \
  X(release, cuDevicePrimaryCtxRelease_v2, (CUdevice device))                                                                                       \
  X(push, cuCtxPushCurrent_v2, (CUcontext context))                                                                                                 \
  X(pop, cuCtxPopCurrent_v2, (CUcontext *context))                                                                                                  \
  X(loadModule, cuModuleLoadDataEx, (CUmodule *module, const void *image, unsigned count, int *options, void **values))                             \
  X(unloadModule, cuModuleUnload, (CUmodule module))                                                                                                \
  X(getFunction, cuModuleGetFunction, (CUfunction *function, CUmodule module, const char *name))                                                    \
  X(occupancy, cuOccupancyMaxActiveBlocksPerMultiprocessor, (int *blocks, CUfunction function, int threads, size_t sharedBytes))                    \
  X(allocate, cuMemAlloc_v2, (CUdeviceptr *memory, size_t bytes))                                                                                   \
  X(free, cuMemFree_v2, (CUdeviceptr memory))                                                                                                       \
  X(allocateHost, cuMemAllocHost_v2, (void **memory, size_t bytes))                                                                                 \
  X(freeHost, cuMemFreeHost, (void *memory))                                                                                                        \
  X(copyIn, cuMemcpyHtoDAsync_v2, (CUdeviceptr to, const void *from, size_t bytes, CUstream stream))                                                \
  X(copyOut, cuMemcpyDtoHAsync_v2, (void *to, CUdeviceptr from, size_t bytes, CUstream stream))                                                     \
  X(fill, cuMemsetD8Async, (CUdeviceptr memory, unsigned char value, size_t bytes, CUstream stream))                                                \
  X(createStream, cuStreamCreate, (CUstream *stream, unsigned flags))                                                                               \
  X(destroyStream, cuStreamDestroy_v2, (CUstream stream))                                                                                           \
  X(synchronize, cuStreamSynchronize, (CUstream stream))                                                                                            \
  X(launch, cuLaunchKernel, (CUfunction function, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX, unsigned blockY, unsigned blockZ, \
                             unsigned sharedBytes, CUstream stream, void **parameters, void **extra))                                               \
  X(beginCapture, cuStreamBeginCapture_v2, (CUstream stream, int mode))                                                                             \
  X(endCapture, cuStreamEndCapture, (CUstream stream, CUgraph *graph))                                                                              \
  X(instantiate, cuGraphInstantiateWithFlags, (CUgraphExec *instance, CUgraph graph, unsigned long long flags))                                     \
  X(launchGraph, cuGraphLaunch, (CUgraphExec instance, CUstream stream))                                                                            \
  X(destroyGraph, cuGraphDestroy, (CUgraph graph))                                                                                                  \
  X(destroyInstance, cuGraphExecDestroy, (CUgraphExec instance))

/* The same for functions that are missing in older drivers: null there. */
#define QCCRT_CUDA_LATER_FUNCTIONS(X)                                                                                                               \
  X(launchWith, cuLaunchKernelEx, (const CUlaunchConfig *config, CUfunction function, void **parameters, void **extra)) /* CUDA 11.8 */

typedef struct {
  void *library;
#define QCCRT_CUDA_POINTER(name, symbol, parameters) CUresult(*name) parameters;
  QCCRT_CUDA_FUNCTIONS(QCCRT_CUDA_POINTER)
  QCCRT_CUDA_LATER_FUNCTIONS(QCCRT_CUDA_POINTER)
#undef QCCRT_CUDA_POINTER
} qccrt_cuda;
#endif
