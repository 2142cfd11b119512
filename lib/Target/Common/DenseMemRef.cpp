#include "qcc/Target/DenseMemRef.h"
#include "mlir/Conversion/LLVMCommon/MemRefBuilder.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
using namespace mlir;

Value qcc::denseMemRef(ImplicitLocOpBuilder &b, const LLVMTypeConverter &converter, MemRefType type, Value base, ValueRange sizes) {
  Type i64 = b.getI64Type();
  SmallVector<Value> extents;
  for (int64_t extent : type.getShape()) {
    bool dynamic = ShapedType::isDynamic(extent);
    extents.push_back(dynamic ? arith::IndexCastOp::create(b, i64, sizes.front()).getResult() : LLVM::ConstantOp::create(b, i64, b.getI64IntegerAttr(extent)).getResult());
    sizes = sizes.drop_front(dynamic);
  }
  auto descriptor = MemRefDescriptor::poison(b, b.getLoc(), converter.convertType(type));
  descriptor.setAllocatedPtr(b, b.getLoc(), base);
  descriptor.setAlignedPtr(b, b.getLoc(), base);
  descriptor.setConstantOffset(b, b.getLoc(), 0);
  Value stride = LLVM::ConstantOp::create(b, i64, b.getI64IntegerAttr(1));
  for (int64_t i = type.getRank() - 1; i >= 0; --i) {
    descriptor.setSize(b, b.getLoc(), i, extents[i]);
    descriptor.setStride(b, b.getLoc(), i, stride);
    if (i)
      stride = LLVM::MulOp::create(b, stride, extents[i]);
  }
  return UnrealizedConversionCastOp::create(b, type, Value(descriptor)).getResult(0);
}
