// What the extents of values are, as far as the data flow tells: whether two are the same, and by which name a program knows one.
#ifndef QCC_GRAPH_EXTENTS_H
#define QCC_GRAPH_EXTENTS_H
#include "mlir/IR/Builders.h"

namespace qcc::graph {
/// A number; or the program's named dimension; or where the flow ends: dimension `index` of `value`, or with no index `value` itself. Equal
/// extents are the same in every run, others may be.
struct Extent {
  std::optional<int64_t> number = {};
  mlir::StringAttr name = {};
  mlir::Value value = {};
  std::optional<unsigned> index = {};
  bool operator==(const Extent &other) const {
    return number == other.number && name == other.name && value == other.value && index == other.index;
  }
};
/// Dimension `i` of the ranked tensor `value`.
Extent extentOf(mlir::Value value, unsigned i);
/// A size of type index.
Extent extentOf(mlir::OpFoldResult size);
/// Dimension `i` of `value` as an index: a number or a named dimension where the flow tells it, else measured.
mlir::Value dimension(mlir::OpBuilder &b, mlir::Location loc, mlir::Value value, unsigned i);
} // namespace qcc::graph
#endif
