/* What qcc-run was asked to do, shared by its modes. */
#ifndef QCC_TOOLS_QCC_RUN_RUN_H
#define QCC_TOOLS_QCC_RUN_RUN_H
#include "tools/common/CommandLine.h"
#include "lib/Artifact/ModelLibrary.h"
#include "lib/Artifact/Npy.h"
#include "lib/Artifact/Tokens.h"

enum { MaxBindings = 1024 };
typedef struct { int count; struct { char *name; const char *path; } items[MaxBindings]; } Bindings;

typedef struct {
  ModelLibrary library;
  qcc_model *model;
  bool verbose;
  const char *tokensPath, *logitsPath;
  int64_t *tokens, batch, count;                              /* [batch][count] */
  int64_t *chunks, numChunks, generate, context;
  Bindings inputs, outputs;
} Run;

int run_text(Run *run, int64_t vocabulary);                   /* both return an exit code and have printed why */
int run_tensors(Run *run);

int fail_status(const Run *run, qcc_status status);
#endif
