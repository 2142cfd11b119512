// Finds everything that is wrong with a parsed model, or not supported, before any of it reaches a converter or the IR.
#ifndef QCC_LIB_FRONTEND_ONNX_CHECKMODEL_H
#define QCC_LIB_FRONTEND_ONNX_CHECKMODEL_H
#include "lib/Frontend/ONNX/Library.h"
#include "lib/Frontend/ONNX/Problems.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include <map>

namespace qcc::importer {
/// Where nodes were in the file: expansion and conversion move them, but keep the names of their outputs.
using NodeIndices = std::unordered_map<std::string, int64_t>;

/// The opsets that a model imports by domain, with "ai.onnx" as "". Adds problems about the file's version and its imports.
Opsets checkHeader(const proto::ModelProto &model, Problems &problems);

/// "com.microsoft.MatMulNBits v1", and the node's name or, if it has none, that of its first output.
Subject nodeSubject(const proto::NodeProto &node, const Opsets &opsets, const NodeIndices &indices);

/// Subgraphs (If, Loop, Scan) anywhere, in the graph or in functions: nothing that expands or converts graphs may see them.
void checkSubgraphs(const proto::ModelProto &model, const Opsets &opsets, const NodeIndices &indices, Problems &problems);

/// Inputs, outputs, initializers and nodes of the main graph: names, order, operators, attributes.
void checkGraph(const proto::ModelProto &model, const Opsets &opsets, const NodeIndices &indices, Problems &problems);

/// What is known of a value: its dims, -1 where unknown, and TensorProto.DataType. nullopt without a known rank.
struct KnownTensor {
  std::vector<int64_t> dims;
  int32_t type;
};
using TensorOf = llvm::function_ref<std::optional<KnownTensor>(const std::string &)>;
/// Attributes of ONNX Runtime's operators against each other and the shapes of their inputs (CheckOperators.cpp).
void checkOperator(const proto::NodeProto &node, TensorOf tensorOf, const Subject &subject, Problems &problems);

/// TensorProto.DataType of a value, 0 where unknown.
using ElementOf = llvm::function_ref<int32_t(const std::string &)>;
/// Operands are of types that code is made for. Those of block-quantized weights are integers, whose schemas say so.
void checkOperands(const proto::NodeProto &node, ElementOf elementOf, const Subject &subject, Problems &problems);
} // namespace qcc::importer
#endif
