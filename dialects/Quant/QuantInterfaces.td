#ifndef QCC_QUANT_INTERFACES
#define QCC_QUANT_INTERFACES
include "mlir/IR/OpBase.td"

def ReferenceLowering : OpInterface<"ReferenceLowering"> {
  let cppNamespace = "::qcc::qnt";
  let description = [{
    The executable specification of an op: its meaning as plain linalg, tensor, arith and math operations on decoded values.
    Constant folding, `--verify`, and tests on every target run it; a target without a fast path compiles it.
  }];
  let methods = [InterfaceMethod<[{
      Builds the reference lowering at the builder's insertion point and returns the values that replace the op's results.
      Fails (after a diagnostic on the op) for operand types that have no decoded form.
    }], "::llvm::FailureOr<::llvm::SmallVector<::mlir::Value>>", "lowerToReference", (ins "::mlir::OpBuilder &":$builder)>];
}
#endif
