// Makes a model simpler with ONNX's library: no functions, no old operators, none that ONNX defines by others and qcc does not know.
#ifndef QCC_LIB_FRONTEND_ONNX_EXPAND_H
#define QCC_LIB_FRONTEND_ONNX_EXPAND_H
#include "lib/Frontend/ONNX/Library.h"
#include "lib/Frontend/ONNX/Problems.h"
#include "qcc/Frontend/ImportONNX.h"

namespace qcc::importer {
/// Replaces calls of model-local functions by their bodies, if the result stays below the limits.
void expandFunctions(proto::ModelProto &model, const ImportLimits &limits, Problems &problems);

/// Converts a model of an older opset to `baseOpset`.
void convertOpset(proto::ModelProto &model, Opsets &opsets, Problems &problems);

/// Replaces operators that ONNX defines by others, but not those that later stages understand as they are.
void expandDefinedOperators(proto::ModelProto &model, const Opsets &opsets, const ImportLimits &limits, Problems &problems);
} // namespace qcc::importer
#endif
