// Stores the scales of weights that arrive quantized as f16 when that loses nothing. Exporters compute scales from f16 checkpoints and
// write them as f32: the same values for half a bit per weight less.
#include "RetypeWeights.h"
#include "WeightReader.h"
#include "qcc/Quantize/WeightPipeline.h"
using namespace mlir;
using namespace qcc;

ExitCode qcc::narrowScales(ModuleOp module, const SourceFiles &sources) {
  llvm::DenseMap<StringAttr, RankedTensorType> types;
  bool isExact = true;
  for (auto decl : module.getOps<qnt::WeightDeclOp>()) {
    auto type = cast<RankedTensorType>(decl.getType());
    auto block = dyn_cast<qnt::BlockType>(type.getElementType());
    if (!block || block.getScale() != qnt::ScaleKind::F32)
      continue;
    int64_t K = type.getNumElements() / std::max<int64_t>(type.getDimSize(0), 1);
    for (auto part : decl.getParts().getAsRange<qnt::PartAttr>()) {
      PartReader reader;
      std::optional<ReadError> error = PartReader::open(part, type, K, sources, reader);
      SmallVector<float> scales;
      if (!error && reader.isQuantized())
        error = reader.readScales(scales);
      if (error) {
        decl.emitError() << error->message << (error->isValue ? " [unencodable-value]" : "");
        return error->isValue ? ExitQuantization : ExitMalformed;
      }
      isExact &= llvm::all_of(scales, [](float scale) { return qnt::roundToScale(scale, qnt::ScaleKind::F16) == scale; });
    }
    types[decl.getSymNameAttr()] = type.clone(qnt::BlockType::get(module.getContext(), block.getElement(), block.getBits(), block.getGroup(), qnt::ScaleKind::F16,
                                                                  block.getZero(), block.getSuper(), block.getSubBits(), block.getTable(), block.getSignedSub(), block.getRule()));
  }
  unsigned copies = 0;
  if (!isExact || types.empty())
    return ExitSuccess;
  return succeeded(retypeWeights(module, types, copies)) ? ExitSuccess : ExitCompileError;
}
