// Which tensors are constants of the graph, and which are weights.
#ifndef QCC_LIB_FRONTEND_ONNX_CONSTANTS_H
#define QCC_LIB_FRONTEND_ONNX_CONSTANTS_H
#include "lib/Frontend/ONNX/CheckModel.h"
#include "llvm/ADT/StringSet.h"

namespace qcc::importer {
/// Where initializers that were Constant nodes come from, by name.
using ConstantOrigins = std::unordered_map<std::string, Subject>;

/// The names of codes, scales and zero points: bytes of a file for every later stage, however small the layer is.
llvm::StringSet<> quantizedWeights(const proto::GraphProto &graph);

/// Turns every Constant node into an initializer of its output's name. The new ones are not normalized yet (Tensors.h).
void constantsToInitializers(proto::ModelProto &model, const Opsets &opsets, const NodeIndices &indices, ConstantOrigins &origins,
                             Problems &problems);
} // namespace qcc::importer
#endif
