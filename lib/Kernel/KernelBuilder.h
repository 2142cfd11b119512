// Writes the bodies of kernels: an op builder with short names for what kernels are made of (index arithmetic, counted loops, rows of
// vectors, this thread's share), and the library that keeps one function per kernel of a module.
#ifndef QCC_LIB_KERNEL_KERNELBUILDER_H
#define QCC_LIB_KERNEL_KERNELBUILDER_H
#include "lib/Kernel/TargetFacts.h"
#include "dialects/Kernel/Kernel.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
namespace qcc {

/// Values are `index`, f32, i32 or vectors of them; the operand's type selects the float or the integer op.
class KernelBuilder : public mlir::ImplicitLocOpBuilder {
public:
  using Value = mlir::Value;
  using Values = mlir::SmallVector<Value>;
  KernelBuilder(mlir::Location loc, mlir::OpBuilder builder, const TargetFacts &facts)
      : ImplicitLocOpBuilder(loc, builder), facts(facts) {}
  const TargetFacts facts;

  unsigned lanes() const { return facts.lanes(); }
  mlir::VectorType vec(unsigned n, mlir::Type element) { return mlir::VectorType::get({n}, element); }
  mlir::VectorType vecF32() { return vec(lanes(), getF32Type()); }

  Value idx(int64_t value) { return mlir::arith::ConstantIndexOp::create(*this, value); }
  Value i32(int64_t value) { return mlir::arith::ConstantIntOp::create(*this, getI32Type(), value); }
  Value f32(double value);
  Value zero(mlir::Type type) { return mlir::arith::ConstantOp::create(*this, getZeroAttr(type)); }
  Value splat(Value scalar, mlir::VectorType type) { return mlir::vector::BroadcastOp::create(*this, type, scalar); }
  Value splat(double value) { return splat(f32(value), vecF32()); }

  Value add(Value a, Value b);
  Value sub(Value a, Value b);
  Value mul(Value a, Value b);
  Value div(Value a, Value b);                                      // index: unsigned
  Value rem(Value a, Value b) { return mlir::arith::RemUIOp::create(*this, a, b); }
  Value min(Value a, Value b);
  Value max(Value a, Value b);                                      // float: not for NaN
  Value fma(Value a, Value b, Value c);
  Value add(Value a, int64_t b) { return add(a, idx(b)); }
  Value mul(Value a, int64_t b) { return mul(a, idx(b)); }
  Value div(Value a, int64_t b) { return div(a, idx(b)); }
  Value rem(Value a, int64_t b) { return rem(a, idx(b)); }
  Value ceilDiv(Value a, int64_t b) { return div(add(a, b - 1), b); }
  Value less(Value a, Value b);                                     // index, signed
  Value select(Value c, Value a, Value b) { return mlir::arith::SelectOp::create(*this, c, a, b); }
  Value toF32(Value v);                                             // f16, bf16, i32, index
  Value exp(Value v);                                               // f32 vector, error below 2 units in the last place
  Value sum(Value v) { return mlir::vector::ReductionOp::create(*this, mlir::vector::CombiningKind::ADD, v); }
  Value maximum(Value v) { return mlir::vector::ReductionOp::create(*this, mlir::vector::CombiningKind::MAXNUMF, v); }

  Value dim(mlir::StringRef name) { return qk::DimOp::create(*this, getIndexType(), name); }
  Value size(Value memref, int64_t i) { return mlir::memref::DimOp::create(*this, memref, i); }
  Value load(Value memref, mlir::ValueRange at) { return mlir::memref::LoadOp::create(*this, memref, at); }
  void store(Value v, Value memref, mlir::ValueRange at) { mlir::memref::StoreOp::create(*this, v, memref, at); }
  /// `lanes` consecutive elements from `at`; with a mask, the others are 0.
  Value loadVec(Value memref, mlir::ValueRange at, Value mask = {}, unsigned lanes = 0);
  void storeVec(Value v, Value memref, mlir::ValueRange at, Value mask = {});
  Value scratch(mlir::ArrayRef<int64_t> shape, mlir::Type element);  // on the stack, 64-byte aligned; call it outside loops

  void loop(Value lo, Value hi, int64_t step, mlir::function_ref<void(Value)> body);
  Values loop(Value lo, Value hi, int64_t step, mlir::ValueRange carried, mlir::function_ref<Values(Value, mlir::ValueRange)> body);
  void when(Value condition, mlir::function_ref<void()> body);
  /// A row of `n` elements in vectors; `body` gets the offset and, for a last partial vector, a mask (else null).
  void columns(int64_t n, mlir::function_ref<void(Value, Value)> body);
  Values columns(int64_t n, mlir::ValueRange carried, mlir::function_ref<Values(Value, Value, mlir::ValueRange)> body);
  /// The same between two offsets that are multiples of the lanes (or the end, `n`).
  void columns(Value lo, Value hi, int64_t n, mlir::function_ref<void(Value, Value)> body);
  /// This thread's part of `rows` x 0..n-1, in pieces of `tile` columns: `body` gets the row, the first column and the end.
  void shareTiles(Value rows, int64_t n, int64_t tile, mlir::function_ref<void(Value, Value, Value)> body);
  /// This thread's part of 0..n-1: contiguous, sizes differ by at most one.
  void share(Value n, mlir::function_ref<void(Value)> body);
};

/// One function per kernel of a module, found by name: the name spells out every parameter that its body depends on.
class KernelLibrary {
public:
  KernelLibrary(mlir::ModuleOp module);
  mlir::MLIRContext *context() { return module.getContext(); }
  mlir::FlatSymbolRefAttr get(const llvm::Twine &name, mlir::TypeRange parameters, mlir::function_ref<void(KernelBuilder &, mlir::ValueRange)> body);
  const TargetFacts facts;

private:
  mlir::ModuleOp module;
};

/// `memref<?xCxT>`: rows of a static width.
inline mlir::MemRefType rowsOf(int64_t width, mlir::Type element) {
  return mlir::MemRefType::get({mlir::ShapedType::kDynamic, width}, element);
}
} // namespace qcc
#endif
