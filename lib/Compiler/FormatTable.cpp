// A row for each example of each family; every column is asked of the format, the methods and the kernels' layouts.
#include "lib/Compiler/FormatTable.h"
#include "dialects/Quant/Formats/Defaults.h"
#include "dialects/Quant/Formats/Format.h"
#include "lib/Kernel/Packing.h"
#include "qcc/Quantize/Method.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
using namespace mlir;
using namespace qcc;

static constexpr int64_t rowLength = 4096;             // of bits per weight, which a row's own numbers make depend on it
static constexpr unsigned anyLanes = 16;               // whether a layout exists does not depend on them

static std::string groupOf(Type element) {
  auto block = dyn_cast<qnt::BlockType>(element);
  if (!block)
    return "-";
  std::string group = block.getGroup() < 0 ? "row" : std::to_string(block.getGroup());
  return block.getSuper() ? group + " of " + std::to_string(block.getSuper()) : group;
}

static std::string scaleOf(Type element) {
  auto block = dyn_cast<qnt::BlockType>(element);
  if (!block)
    return "-";
  std::string scale = qnt::stringifyScaleKind(block.getScale()).str();
  return block.getSuper() ? std::to_string(block.getSubBits()) + " bits x " + scale : scale;
}

static std::string zeroOf(Type element) {
  auto block = dyn_cast<qnt::BlockType>(element);
  return block && block.getZero() != qnt::ZeroKind::None ? qnt::stringifyZeroKind(block.getZero()).str() : "-";
}

/// What a matmul multiplies: int8 where codes are integers, or stand for some; values rounded to FP8 with any.
static std::string activationsOf(Type element) {
  auto block = dyn_cast<qnt::BlockType>(element);
  return !block ? "float" : qnt::hasIntegers(block) ? "int8, fp8, float" : "fp8, float";
}

static bool hasKernels(Type element) {
  ScopedDiagnosticHandler silent(element.getContext(), [](Diagnostic &) { return success(); });
  return succeeded(kernel::PanelLayout::get(element, anyLanes, [&] { return emitError(UnknownLoc::get(element.getContext())); }));
}

static std::string methodsOf(Type element) {
  auto block = dyn_cast<qnt::BlockType>(element);
  std::vector<std::string> names;
  for (const QuantizationMethod *method : allMethods())
    if (block && method->handles(block))
      names.push_back(method->name().str());
  return names.empty() ? "-" : llvm::join(names, " ");
}

void qcc::printFormatTable(llvm::raw_ostream &out) {
  MLIRContext context;
  context.loadDialect<qnt::QntDialect>();
  auto row = [&](StringRef name, StringRef bits, StringRef group, StringRef scale, StringRef zero, StringRef activations, StringRef methods) {
    out << llvm::left_justify(name, 13) << llvm::right_justify(bits, 7) << "  " << llvm::left_justify(group, 11) << llvm::left_justify(scale, 15)
        << llvm::left_justify(zero, 7) << llvm::left_justify(activations, 18) << methods << "\n";
  };
  row("format", "bits", "group", "scale", "zero", "activations", "methods");
  for (StringRef name : qnt::exampleFormats()) {
    Type element = qnt::parseFormat(name, &context);
    std::string bits;
    llvm::raw_string_ostream(bits) << llvm::format("%.3f", qnt::bitsPerWeight(element, rowLength));
    row(name, bits, groupOf(element), scaleOf(element), zeroOf(element), hasKernels(element) ? activationsOf(element) : "reference", methodsOf(element));
  }
  out << "\nbits: of a weight in rows of " << rowLength << ", scales and zero points included. activations: of matrix products, which every target has in that format\n"
         "(reference: with --kernels=reference only), as it has embedding tables. Of a format without methods values are only rounded.\n"
         "\nNames:\n" << qnt::listFormats() << "\nWhat numbers of bits mean without --group-size, --sym and --asym:\n";
  for (const qnt::DefaultFormats &bits : qnt::defaultFormats())
    out << "--wbits=" << llvm::left_justify(std::to_string(bits.bits), 3) << llvm::left_justify(bits.layers, 9) << "--head-bits=" << llvm::left_justify(std::to_string(bits.bits), 3) << bits.head << "\n";
}
