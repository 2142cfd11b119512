#include "qcc/Quantize/InputScales.h"
#include "mlir/IR/SymbolTable.h"
using namespace mlir;
using namespace qcc;

static constexpr llvm::StringLiteral inputOf = "qnt.input_of";

std::vector<InputScale> qcc::findInputScales(ModuleOp module) {
  std::vector<InputScale> scales;
  for (auto decl : module.getOps<qnt::WeightDeclOp>())
    if (auto weight = decl->getAttrOfType<FlatSymbolRefAttr>(inputOf))
      if (auto found = module.lookupSymbol<qnt::WeightDeclOp>(weight))
        scales.push_back({decl, found});
  return scales;
}

static qnt::PartAttr part(MLIRContext *context, DenseElementsAttr values) {
  return qnt::PartAttr::get(context, 1, false, {}, {}, {}, values, {}, {});
}

qnt::WeightDeclOp qcc::declareInputScale(ModuleOp module, qnt::WeightDeclOp weight) {
  for (const InputScale &known : findInputScales(module))
    if (known.weight == weight)
      return known.scale;
  OpBuilder b(weight.getContext());
  auto type = RankedTensorType::get({1}, b.getF32Type());
  ArrayAttr parts = b.getArrayAttr(part(b.getContext(), {}));
  auto decl = qnt::WeightDeclOp::create(b, weight.getLoc(), weight.getSymName() + ".input_scale", type, parts);
  decl->setAttr(inputOf, FlatSymbolRefAttr::get(weight.getSymNameAttr()));
  SymbolTable(module).insert(decl, std::next(Block::iterator(weight)));   // makes the name unique
  return decl;
}

std::optional<float> qcc::valueOf(const InputScale &scale) {
  qnt::WeightDeclOp decl = scale.scale;
  DenseElementsAttr values = cast<qnt::PartAttr>(decl.getParts()[0]).getValues();
  return values ? std::optional(*values.getValues<float>().begin()) : std::nullopt;
}

void qcc::setValue(const InputScale &scale, float value) {
  qnt::WeightDeclOp decl = scale.scale;
  auto values = DenseElementsAttr::get(cast<RankedTensorType>(decl.getType()), ArrayRef<float>(value));
  decl.setPartsAttr(ArrayAttr::get(decl.getContext(), {part(decl.getContext(), values)}));
}
