// What every operator of attention comes down to: query, key and value by token, and the qnt ops made of them.
#ifndef QCC_FRONTEND_OPS_ATTENTIONPARTS_H
#define QCC_FRONTEND_OPS_ATTENTIONPARTS_H
#include "lib/Frontend/Ops/Handlers.h"

namespace qcc::frontend {
/// Attention in the form of the qnt ops: everything `[B, S, heads * D]`.
struct AttentionParts {
  mlir::Value query, key, value, pastKey, pastValue, mask;
  mlir::Value starts;              // qnt.row_starts of the batch
  int64_t heads = 0, kvHeads = 0, size = 0, window = 0;
  double scale = 0, softcap = 0;
  bool causal = true;
  bool headsFirst = false;         // the node's result is [B, heads, S, D]
};

/// The length of the past as an index value (0 without one). Refuses a key without a value, and the reverse.
mlir::FailureOr<mlir::Value> pastLength(FusedOps &c, onnx::NodeOp node, const AttentionParts &parts);
/// The attention, and where the node's outputs 1 and 2 are used the present keys and values: appends the node's three results, null where unused.
mlir::LogicalResult attend(FusedOps &c, onnx::NodeOp node, const AttentionParts &parts, mlir::Value past, llvm::SmallVectorImpl<mlir::Value> &results);
/// The last size of a float32 [batch, tokens, channels].
mlir::FailureOr<int64_t> channelsOf(FusedOps &c, onnx::NodeOp node, mlir::Value value);
} // namespace qcc::frontend
#endif
