// Declares weights. The name is the initializer's, or the node's where the exporter made up the initializer's (`onnx::MatMul_1880`).
#include "lib/Frontend/Weights.h"
using namespace mlir;
using namespace qcc;
using namespace qcc::frontend;

Weights::Weights(ModuleOp module) : module(module) {
  for (auto decl : module.getOps<qnt::WeightDeclOp>()) {
    symbols.insert(decl.getSymName());
    if (decl.getParts().size() == 1)
      declared[{decl.getType(), cast<qnt::PartAttr>(decl.getParts()[0]).withoutNode()}] = decl;
  }
}

StringAttr Weights::nodeName(Location loc) {
  StringAttr name;
  loc->walk([&](Location inner) {
    if (auto named = dyn_cast<NameLoc>(inner); named && !name)
      name = named.getName();
    return name ? WalkResult::interrupt() : WalkResult::advance();
  });
  return name;
}

StringAttr Weights::symbolFor(qnt::PartAttr part) {
  std::string name = part.getData() ? part.getData().getName().str() : "";
  if ((name.empty() || StringRef(name).contains("::")) && part.getNode())
    name = part.getNode().str();
  if (name.empty())
    name = part.getRotary() ? ("rotary_" + stringifyRotaryFunction(part.getRotary().getFunction())).str() : "constant";
  name = StringRef(name).ltrim('/').str();
  std::replace(name.begin(), name.end(), '/', '.');
  std::string unique = name;
  for (int i = 1; symbols.contains(unique) || module.lookupSymbol(unique); ++i)
    unique = name + "." + std::to_string(i);
  auto attribute = StringAttr::get(module.getContext(), unique);
  symbols.insert(attribute.getValue());
  return attribute;
}

Value Weights::get(OpBuilder &builder, Location loc, RankedTensorType type, qnt::PartAttr part) {
  qnt::WeightDeclOp &decl = declared[{type, part.withoutNode()}];
  if (!decl) {
    OpBuilder::InsertionGuard guard(builder);
    // After the declarations that are there, before the program.
    builder.setInsertionPointToStart(module.getBody());
    for (Operation &op : *module.getBody())
      if (isa<qnt::WeightDeclOp>(op))
        builder.setInsertionPointAfter(&op);
    decl = qnt::WeightDeclOp::create(builder, loc, symbolFor(part).getValue(), type, builder.getArrayAttr(part));
  }
  return qnt::WeightOp::create(builder, loc, type, FlatSymbolRefAttr::get(decl.getSymNameAttr()));
}

qnt::BytesAttr Weights::bytes(Value value) {
  auto initializer = value.getDefiningOp<onnx::InitializerOp>();
  if (!initializer)
    return {};
  onnx::BytesAttr from = initializer.getValue();
  return qnt::BytesAttr::get(from.getContext(), from.getName(), from.getFile(), from.getOffset(), from.getLength(), from.getType());
}

/// The values of a constant whose elements lie as a tensor of the shape `stored`.
Value Weights::get(OpBuilder &builder, Location loc, Value value, ArrayRef<int64_t> stored, bool transposed) {
  auto type = RankedTensorType::get(stored, getElementTypeOrSelf(value.getType()));
  qnt::BytesAttr data = bytes(value);
  DenseElementsAttr values;
  if (auto constant = value.getDefiningOp<onnx::ConstantOp>())
    values = dyn_cast<DenseElementsAttr>(constant.getValue());
  if (!data && !values)
    return {};
  if (data)
    data = qnt::BytesAttr::get(data.getContext(), data.getName(), data.getFile(), data.getOffset(), data.getLength(), type);
  else
    values = values.reshape(type);
  SmallVector<int64_t> shape(stored);
  if (transposed)
    std::swap(shape[0], shape[1]);
  auto part = qnt::PartAttr::get(builder.getContext(), shape[0], transposed, data, {}, {}, values, {}, nodeName(loc));
  return get(builder, loc, RankedTensorType::get(shape, builder.getF32Type()), part);
}

/// The type of a constant that may be declared, or null.
static RankedTensorType floatTensor(Value value, int64_t minRank) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type && type.hasStaticShape() && type.getRank() >= minRank && isa<FloatType>(type.getElementType()) ? type : RankedTensorType();
}

Value Weights::get(OpBuilder &builder, Location loc, Value value, bool transposed) {
  RankedTensorType type = floatTensor(value, 2);
  return type ? get(builder, loc, value, type.getShape().take_back(2), transposed) : Value();
}
Value Weights::get(OpBuilder &builder, Location loc, Value value) {
  RankedTensorType type = floatTensor(value, 1);
  return type ? get(builder, loc, value, type.getShape(), false) : Value();
}
