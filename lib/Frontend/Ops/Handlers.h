// Operators as rows: (operator, domain, version since which the handler holds, handler). A family per file, its table at the end.
#ifndef QCC_FRONTEND_OPS_HANDLERS_H
#define QCC_FRONTEND_OPS_HANDLERS_H
#include "lib/Frontend/Recover/Recovery.h"
#include <array>

namespace qcc::frontend {
/// What a handler may ask and build. The builder stands at the node.
class FusedOps {
public:
  FusedOps(Recovery &recovery, int64_t maxContext) : r(recovery), maxContext(maxContext) {}
  Recovery &r;
  int64_t maxContext;
  /// The constant that `value` is, behind nodes that only reshape or cast it; null when it is none.
  mlir::Value constantBehind(mlir::Value value);
  /// An optional weight vector, matrix or table of floats as a declared weight. Fails with a diagnostic when it is not constant.
  mlir::FailureOr<mlir::Value> weight(onnx::NodeOp node, unsigned input, llvm::StringRef what);
};

/// Fills `results`, one per output (null for an output that nothing may use). On failure a diagnostic is out, which names the node, the fact
/// and the rule in brackets.
using FusedHandler = mlir::LogicalResult (*)(FusedOps &, onnx::NodeOp, llvm::SmallVectorImpl<mlir::Value> &results);
struct FusedRow {
  llvm::StringLiteral op, domain;
  int64_t since;
  FusedHandler handler;
};
llvm::ArrayRef<FusedRow> linearRows();
llvm::ArrayRef<FusedRow> normRows();
llvm::ArrayRef<FusedRow> attentionRows();
llvm::ArrayRef<FusedRow> multiHeadRows();
llvm::ArrayRef<FusedRow> activationRows();
inline std::array<llvm::ArrayRef<FusedRow>, 5> fusedFamilies() { return {linearRows(), normRows(), attentionRows(), multiHeadRows(), activationRows()}; }

/// The row for `node`: of those with its operator, the newest that is not newer than the node. Null when there is none.
template <typename Families> auto rowFor(const Families &families, onnx::NodeOp node) -> decltype(families[0].data()) {
  decltype(families[0].data()) best = nullptr;
  for (const auto &family : families)
    for (const auto &row : family)
      if (row.op == node.getOpType() && row.domain == node.getDomain() && row.since <= int64_t(node.getSince()) && (!best || row.since > best->since))
        best = &row;
  return best;
}

/// `error: <message> [rule]` at the node.
mlir::LogicalResult refuse(onnx::NodeOp node, const llvm::Twine &message, llvm::StringRef rule);
} // namespace qcc::frontend
#endif
