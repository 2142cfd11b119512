// What every element of every tensor of a graph is, as expressions: the analysis that recovery and conversion ask.
//
// `shape` folds all shape arithmetic (Shape, Gather, Concat, ... on integers) into symbolic dimensions, because a shape operand's elements
// are asked like any other tensor's. `element` looks through everything that moves or computes elements; what it cannot look through
// (linear layers, qnt ops, unknown operators) is a `Load` of that tensor. Values may be onnx or already recovered qnt.
#ifndef QCC_FRONTEND_SYMBOLIC_ELEMENTS_H
#define QCC_FRONTEND_SYMBOLIC_ELEMENTS_H
#include "dialects/ONNX/ONNX.h"
#include "lib/Frontend/Symbolic/Expr.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"
#include <map>

namespace qcc::frontend {
class Elements {
public:
  using Shape = llvm::SmallVector<E, 4>;
  explicit Elements(ExprPool &pool) : pool(pool) {}
  ExprPool &pool;

  /// The dimensions of `value`; nullptr when its rank is not known.
  const Shape *shape(mlir::Value value);
  /// Element `indices` of `value`; null when it has no form.
  E element(mlir::Value value, llvm::ArrayRef<E> indices);
  /// All elements of a scalar or a vector of at most 64 (a shape, axes, ...), or nullopt.
  std::optional<llvm::SmallVector<E>> vector(mlir::Value value);
  /// The same, all of them known integers.
  std::optional<llvm::SmallVector<int64_t>> integers(mlir::Value value);
  /// One free variable per dimension of `value`, numbered from `first`.
  llvm::SmallVector<E> variables(mlir::Value value, int64_t first = 0);

  /// Treats `value` as opaque while the object lives.
  struct Cut {
    Cut(Elements &elements, mlir::Value value);
    ~Cut();
    Elements &elements;
    mlir::Value value, before;
  };
  /// Treats float arithmetic as opaque while the object lives: only data movement and integers are looked through.
  struct MovementOnly {
    explicit MovementOnly(Elements &elements);
    ~MovementOnly();
    Elements &elements;
  };

  // For the rules (ShapeRules.cpp, Elements.cpp).
  E fresh(mlir::Value value, unsigned i);
  E broadcastElement(mlir::Value operand, llvm::ArrayRef<E> indices);
  E broadcastDim(E a, E b);
  /// Is `value` the same in every run but for its extents (a table, positions)?
  bool isTable(mlir::Value value);
  /// Maps an index into `to` back to the index into `from`, both shapes of the same elements in row-major order.
  std::optional<llvm::SmallVector<E>> reshapeIndices(const Shape &from, const Shape &to, llvm::ArrayRef<E> indices);
  /// Whether shapes of the operator's results follow from its operands (ShapeRules.cpp). Without a rule only static shapes are known.
  static bool hasShapeRule(llvm::StringRef domain, llvm::StringRef op);
  static bool isFloat(mlir::Value value);
  static bool isBool(mlir::Value value);
  /// Axes of a node: input `operand`, else attribute "axes"; normalized to 0 .. rank-1. nullopt: given but not known.
  std::optional<llvm::SmallVector<int64_t>> axes(onnx::NodeOp node, unsigned operand, int64_t rank, bool allByDefault);
  /// One axis of a Slice: start, step and the resulting extent, cut to the operand as ONNX says. `assumed`: the operand is a table (of
  /// positions), and a runtime dimension is taken not to pass its extent; a program that passes it has no meaning, but must not read other memory.
  struct SliceAxis { int64_t axis, step; E start, extent; bool assumed; };
  std::optional<llvm::SmallVector<SliceAxis>> slices(onnx::NodeOp node);
  /// What Pad adds in front of and behind each dimension, in constant mode; nullopt: not known, or another mode.
  std::optional<llvm::SmallVector<std::pair<E, E>>> pads(onnx::NodeOp node);
  std::optional<llvm::SmallVector<E>> splits(onnx::NodeOp node, int64_t axis);

private:
  bool computeShape(mlir::Value value, Shape &shape);
  E computeElement(mlir::Value value, llvm::ArrayRef<E> indices);
  llvm::DenseMap<mlir::Value, std::unique_ptr<Shape>> shapes; // owned apart: rules hold on to several at once
  using Key = std::pair<void *, llvm::SmallVector<unsigned, 4>>;
  struct Less { bool operator()(const Key &a, const Key &b) const; };
  std::map<Key, E, Less> elements;
  mlir::Value cutValue;
  bool movementOnly = false;
  int depth = 0;
  unsigned freshCount = 0;
};

/// Axis `axis` of a tensor of `rank`, counted from the front; -1 when it is out of range.
inline int64_t normalizeAxis(int64_t axis, int64_t rank) {
  return axis < -rank || axis >= rank ? -1 : axis < 0 ? axis + rank : axis;
}
/// Parses a dimension's name as exporters write it: `a`, `a + b`, `a + 1`. It is a sum only if all its names are dimensions themselves; otherwise
/// nothing would tell them.
E parseDim(ExprPool &pool, llvm::StringRef text, llvm::function_ref<bool(llvm::StringRef)> isDim);
} // namespace qcc::frontend
#endif
