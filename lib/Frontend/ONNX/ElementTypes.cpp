// One row an element type.
#include "lib/Frontend/ONNX/ElementTypes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "onnx/onnx_pb.h"
using namespace mlir;
using namespace qcc::importer;
using onnx::TensorProto;

namespace {
template <typename Float> Type makeFloat(MLIRContext *context) { return Float::get(context); }
template <unsigned width> Type makeSigned(MLIRContext *context) { return IntegerType::get(context, width); }
template <unsigned width> Type makeUnsigned(MLIRContext *context) { return IntegerType::get(context, width, IntegerType::Unsigned); }

struct Row {
  int32_t type;
  const char *name;
  unsigned bits;
  bool isFloat;
  Type (*make)(MLIRContext *);
};
constexpr Row rows[] = {
    {TensorProto::FLOAT, "float", 32, true, makeFloat<Float32Type>},
    {TensorProto::FLOAT16, "float16", 16, true, makeFloat<Float16Type>},
    {TensorProto::BFLOAT16, "bfloat16", 16, true, makeFloat<BFloat16Type>},
    {TensorProto::DOUBLE, "double", 64, true, makeFloat<Float64Type>},
    {TensorProto::INT64, "int64", 64, false, makeSigned<64>},
    {TensorProto::INT32, "int32", 32, false, makeSigned<32>},
    {TensorProto::INT16, "int16", 16, false, makeSigned<16>},
    {TensorProto::INT8, "int8", 8, false, makeSigned<8>},
    {TensorProto::INT4, "int4", 4, false, makeSigned<4>},
    {TensorProto::INT2, "int2", 2, false, makeSigned<2>},
    {TensorProto::UINT64, "uint64", 64, false, makeUnsigned<64>},
    {TensorProto::UINT32, "uint32", 32, false, makeUnsigned<32>},
    {TensorProto::UINT16, "uint16", 16, false, makeUnsigned<16>},
    {TensorProto::UINT8, "uint8", 8, false, makeUnsigned<8>},
    {TensorProto::UINT4, "uint4", 4, false, makeUnsigned<4>},
    {TensorProto::UINT2, "uint2", 2, false, makeUnsigned<2>},
    {TensorProto::BOOL, "bool", 8, false, makeSigned<1>},
    {TensorProto::FLOAT8E4M3FN, "float8e4m3fn", 8, true, makeFloat<Float8E4M3FNType>},
    {TensorProto::FLOAT8E4M3FNUZ, "float8e4m3fnuz", 8, true, makeFloat<Float8E4M3FNUZType>},
    {TensorProto::FLOAT8E5M2, "float8e5m2", 8, true, makeFloat<Float8E5M2Type>},
    {TensorProto::FLOAT8E5M2FNUZ, "float8e5m2fnuz", 8, true, makeFloat<Float8E5M2FNUZType>},
    {TensorProto::FLOAT8E8M0, "float8e8m0", 8, true, makeFloat<Float8E8M0FNUType>},
    {TensorProto::FLOAT4E2M1, "float4e2m1", 4, true, makeFloat<Float4E2M1FNType>},
};

const Row *find(int32_t type) {
  const Row *row = llvm::find_if(rows, [&](const Row &row) { return row.type == type; });
  return row == std::end(rows) ? nullptr : row;
}
} // namespace

unsigned qcc::importer::elementBits(int32_t type) {
  const Row *row = find(type);
  return row ? row->bits : 0;
}

bool qcc::importer::isFloatElement(int32_t type) {
  const Row *row = find(type);
  return row && row->isFloat;
}

bool qcc::importer::isNarrowFloat(int32_t type) { return isFloatElement(type) && elementBits(type) < 16; }

bool qcc::importer::isPortElement(int32_t type) { return elementBits(type) >= 8 && !isNarrowFloat(type); }

std::string qcc::importer::elementName(int32_t type) {
  if (const Row *row = find(type))
    return row->name;
  if (type == TensorProto::STRING)
    return "string";
  return "type " + std::to_string(type);
}

Type qcc::importer::elementType(int32_t type, MLIRContext *context) {
  const Row *row = find(type);
  return row ? row->make(context) : Type();
}
