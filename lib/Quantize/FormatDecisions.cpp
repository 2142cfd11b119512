// Reads decisions back from the declarations.
#include "qcc/Quantize/FormatDecisions.h"
#include "dialects/Quant/Formats/Format.h"
#include "llvm/Support/Format.h"
using namespace mlir;
using namespace qcc;

std::vector<FormatDecision> qcc::formatDecisions(ModuleOp module) {
  std::vector<FormatDecision> decisions;
  for (auto decl : module.getOps<qnt::WeightDeclOp>()) {
    auto reason = decl->getAttrOfType<StringAttr>("qnt.decided");
    if (!reason)
      continue;
    auto type = cast<RankedTensorType>(decl.getType());
    FormatDecision decision;
    decision.weight = decl.getSymName().str();
    for (auto part : decl.getParts().getAsRange<qnt::PartAttr>())
      if (part.getData())
        decision.tensors += (decision.tensors.empty() ? "" : "+") + part.getData().getName().str();
    decision.format = qnt::formatName(type.getElementType());
    decision.reason = reason.str();
    decision.rows = type.getDimSize(0);
    decision.columns = decision.rows ? type.getNumElements() / decision.rows : 0;
    decision.bits = qnt::bitsPerWeight(type.getElementType(), decision.columns);
    decisions.push_back(std::move(decision));
  }
  return decisions;
}

void qcc::printFormatDecisions(ModuleOp module, llvm::raw_ostream &os) {
  double bits = 0, weights = 0;
  for (const FormatDecision &d : formatDecisions(module)) {
    os << llvm::left_justify(d.format, 12) << llvm::format(" %6.3f bits  ", d.bits) << d.rows << 'x' << d.columns << "  " << d.weight << "  (" << d.tensors << ")  "
       << d.reason << '\n';
    bits += d.bits * double(d.rows) * double(d.columns);
    weights += double(d.rows) * double(d.columns);
  }
  if (weights > 0)
    os << llvm::format("%.1f million weights, %.3f bits each\n", weights / 1e6, bits / weights);
}
