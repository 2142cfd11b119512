// Tables of --stats. Layers are outlined, so a function's operations and weights count as often as it is called.
#include "lib/Compiler/Statistics.h"
#include "dialects/Kernel/Kernel.h"
#include "dialects/Quant/Formats/Format.h"
#include "qcc/Frontend/Diagnostics.h"
#include "qcc/Quantize/FormatDecisions.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include <map>
using namespace mlir;
using namespace qcc;

namespace {
/// A line of a table and what it is sorted by.
struct Line {
  double size;
  std::string text;
};

std::string size(double bytes) {
  std::string text;
  llvm::raw_string_ostream(text) << (bytes < 1e5 ? llvm::format("%.2f KB", bytes / 1e3) : llvm::format("%.2f MB", bytes / 1e6));
  return text;
}

void printLargest(std::vector<Line> lines, unsigned maxLines, llvm::function_ref<std::string(double)> unit, llvm::raw_ostream &out) {
  llvm::sort(lines, [](const Line &a, const Line &b) { return std::pair(-a.size, llvm::StringRef(a.text)) < std::pair(-b.size, llvm::StringRef(b.text)); });
  double rest = 0;
  for (auto [i, line] : llvm::enumerate(lines)) {
    if (i < maxLines)
      out << "  " << line.text << "\n";
    else
      rest += line.size;
  }
  if (lines.size() > maxLines)
    out << "  and " << lines.size() - maxLines << " more, " << unit(rest) << "\n";
}

/// How often each function runs in one of the program.
llvm::MapVector<Operation *, int64_t> callCounts(ModuleOp module) {
  llvm::MapVector<Operation *, int64_t> counts;
  std::function<void(func::FuncOp, int64_t)> visit = [&](func::FuncOp function, int64_t times) {
    counts[function] += times;
    function.walk([&](func::CallOp call) {
      if (auto callee = module.lookupSymbol<func::FuncOp>(call.getCallee()))
        visit(callee, times);
    });
  };
  if (auto main = module.lookupSymbol<func::FuncOp>("main"))
    visit(main, 1);
  return counts;
}

void printFormats(ModuleOp module, unsigned maxLines, llvm::raw_ostream &out) {
  struct Alike {
    FormatDecision first;
    int64_t count = 0;
  };
  llvm::MapVector<llvm::StringRef, Alike> groups;
  std::vector<std::string> keys;
  double bits = 0, weights = 0;
  std::vector<FormatDecision> decisions = formatDecisions(module);
  keys.reserve(decisions.size());
  for (const FormatDecision &d : decisions) {
    keys.push_back((llvm::Twine(d.format) + "/" + d.reason + "/" + llvm::Twine(d.rows) + "x" + llvm::Twine(d.columns)).str());
    Alike &alike = groups[keys.back()];
    if (!alike.count++)
      alike.first = d;
    bits += d.bits * double(d.rows) * double(d.columns);
    weights += double(d.rows) * double(d.columns);
  }
  std::vector<Line> lines;
  for (auto &[key, alike] : groups) {
    const FormatDecision &d = alike.first;
    double bytes = d.bits * double(d.rows) * double(d.columns) * double(alike.count) / 8;
    std::string text;
    llvm::raw_string_ostream(text) << llvm::left_justify(d.format, 12) << llvm::format(" %6.3f bits  %4ld x ", d.bits, long(alike.count))
                                   << llvm::left_justify((llvm::Twine(d.rows) + "x" + llvm::Twine(d.columns)).str(), 14) << llvm::right_justify(size(bytes), 12) << "  "
                                   << d.reason << "  " << d.weight << (alike.count > 1 ? ", ..." : "");
    lines.push_back({bytes, text});
  }
  out << "weights, by size:\n";
  printLargest(std::move(lines), maxLines, size, out);
  if (weights > 0)
    out << llvm::format("  %.1f million weights, %.3f bits each, ", weights / 1e6, bits / weights) << size(bits / 8) << "\n";
}

/// What --algo=rotate has made of the program.
void printRotations(ModuleOp module, llvm::raw_ostream &out) {
  int64_t rotated = 0;
  for (auto decl : module.getOps<qnt::WeightDeclOp>())
    rotated += decl.getRowRotation() || decl.getColumnRotation();
  llvm::MapVector<std::pair<int64_t, int64_t>, int64_t> online;
  for (auto &[function, times] : callCounts(module))
    function->walk([&, times = times](qnt::HadamardOp op) {
      online[{cast<RankedTensorType>(op.getType()).getShape().back(), int64_t(op.getBlock())}] += times;
    });
  if (!rotated)
    return;
  out << "rotation: " << rotated << " weights";
  for (auto &[shape, times] : online)
    out << "; at run time " << times << " x " << shape.first << " channels in blocks of " << shape.second;
  out << "\n";
}

/// Products whose activations are 8-bit floats, which no target multiplies as such.
void printFloatActivations(ModuleOp module, llvm::raw_ostream &out) {
  llvm::MapVector<Type, int64_t> products;
  for (auto &[function, times] : callCounts(module))
    function->walk([&, times = times](qnt::MatmulOp op) {
      auto block = dyn_cast<qnt::BlockType>(cast<RankedTensorType>(op.getInput().getType()).getElementType());
      if (block && qnt::floatTableOf(block))
        products[block] += times;
    });
  for (auto &[format, times] : products)
    out << "activations: " << times << " products of values rounded to " << qnt::formatName(format) << ", multiplied as f32\n";
}

void printCache(ModuleOp module, llvm::raw_ostream &out) {
  int64_t layers = 0, bytes = 0;
  qnt::CacheType last;
  if (auto main = module.lookupSymbol<func::FuncOp>("main"))
    for (Type type : main.getArgumentTypes())
      if (auto cache = dyn_cast<qnt::CacheType>(type)) {
        ++layers;
        bytes += cache.bytesPerToken();
        last = cache;
      }
  if (layers)
    out << "KV cache: " << layers << " layers, " << last.getElement() << (last.isQuantized() ? " with a scale for each token and head" : "") << ", "
        << bytes << " bytes a token\n";
}

/// For one row (a token): extents that are not known count once.
double operationsPerRow(linalg::LinalgOp op) {
  double points = 1;
  for (int64_t extent : op.getStaticLoopRanges())
    points *= ShapedType::isDynamic(extent) ? 1 : double(extent);
  int64_t body = 0;
  for (Operation &inner : op->getRegion(0).front().without_terminator())
    body += inner.getNumResults() && !isa<arith::ConstantOp>(inner);
  return points * double(std::max<int64_t>(1, body));
}

/// The weights that a value may be: a parameter of an outlined layer stands for one of each call.
class WeightsOf {
public:
  explicit WeightsOf(ModuleOp module) : module(module) {
    module.walk([&](func::CallOp call) { calls[call.getCallee()].push_back(call); });
  }
  void collect(Value value, llvm::SetVector<Operation *> &decls) {
    if (auto weight = value.getDefiningOp<qnt::WeightOp>()) {
      if (Operation *decl = module.lookupSymbol(weight.getDecl()))
        decls.insert(decl);
      return;
    }
    auto argument = dyn_cast<BlockArgument>(value);
    auto function = argument ? dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp()) : func::FuncOp();
    if (!function)
      return;
    auto it = calls.find(function.getSymName());
    if (it != calls.end())
      for (func::CallOp call : it->second)
        collect(call.getOperand(argument.getArgNumber()), decls);
  }

private:
  ModuleOp module;
  llvm::StringMap<std::vector<func::CallOp>> calls;
};

double bytesOf(qnt::WeightDeclOp decl) {
  auto type = cast<RankedTensorType>(decl.getType());
  int64_t columns = type.getNumElements() / std::max<int64_t>(1, type.getDimSize(0));
  return qnt::bitsPerWeight(type.getElementType(), columns) * double(type.getNumElements()) / 8;
}

std::string operations(double count) {
  std::string text;
  llvm::raw_string_ostream(text) << llvm::format("%.0f operations a row", count);
  return text;
}

void printGenericPath(ModuleOp module, unsigned maxLines, llvm::raw_ostream &out) {
  WeightsOf weightsOf(module);
  llvm::SetVector<Operation *> slowWeights;
  std::vector<Line> lines;
  double total = 0;
  int64_t recognised = 0;
  module.walk([&](Operation *op) {
    recognised += isa<qnt::MatmulOp, qnt::AttentionOp, qnt::NormOp, qnt::GatherOp, qnt::RotaryOp, qnt::GluOp, qnt::ActivateOp, qnt::HadamardOp>(op);
  });
  for (auto &[function, times] : callCounts(module)) {
    int64_t count = times;
    function->walk([&](linalg::LinalgOp op) {
      if (isa<linalg::FillOp>(op.getOperation()))      // an initial value, no work of the model's
        return;
      for (Value operand : op->getOperands())
        weightsOf.collect(operand, slowWeights);
      double work = operationsPerRow(op) * double(count);
      total += work;
      std::string text;
      llvm::raw_string_ostream stream(text);
      stream << llvm::right_justify(operations(work), 30) << "  " << onnxNode(op.getLoc()) << "  " << op->getName().stripDialect();
      for (Type type : op->getResultTypes())
        stream << " " << type;
      if (count > 1)
        stream << ", " << count << " times";
      lines.push_back({work, std::move(text)});
    });
  }
  out << "recognised operations: " << recognised << " (repeated layers count once)\ngeneric path:";
  if (lines.empty()) {
    out << " nothing\n";
    return;
  }
  double slow = 0, all = 0;
  for (auto decl : module.getOps<qnt::WeightDeclOp>()) {
    all += bytesOf(decl);
    slow += slowWeights.contains(decl) ? bytesOf(decl) : 0;
  }
  out << " " << lines.size() << " operations, " << operations(total) << "; reads " << size(slow) << " of " << size(all) << " of weights\n";
  printLargest(std::move(lines), maxLines, operations, out);
}
} // namespace

void qcc::printStatistics(ModuleOp module, llvm::raw_ostream &out, unsigned maxLines) {
  printFormats(module, maxLines, out);
  printRotations(module, out);
  printFloatActivations(module, out);
  printCache(module, out);
  printGenericPath(module, maxLines, out);
}

void qcc::printMatmulKernels(ModuleOp module, const TargetVersion &version, llvm::raw_ostream &out) {
  // By how they multiply; a kernel has a slower way too, for the rows and columns that are left over.
  std::map<llvm::StringRef, std::vector<std::string>> kernels;
  for (auto function : module.getOps<func::FuncOp>()) {
    llvm::StringRef name = function.getName();
    if (!name.consume_front("qk_matmul_"))
      continue;
    bool tiles = false, dots = false;
    function.walk([&](Operation *op) {
      tiles |= isa<qk::TileMmaOp>(op);
      dots |= isa<qk::Dot4Op, qk::Mac16Op>(op);
    });
    kernels[tiles ? "tiles" : dots ? "integer products" : "float products"].push_back(name.str());
  }
  out << "matmul kernels, " << version.name << ":" << (kernels.empty() ? " none" : "") << "\n";
  for (auto &[way, names] : kernels) {
    llvm::sort(names);
    out << "  " << way << ": " << llvm::join(names, " ") << "\n";
  }
}
