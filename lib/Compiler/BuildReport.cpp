// Collects the facts of a build, and prints them as a plan. JSON and HTML: ReportJson.cpp, ReportHtml.cpp.
#include "lib/Compiler/BuildReport.h"
#include "dialects/Quant/Formats/Format.h"
#include "lib/Compiler/Manifest.h"
#include "lib/Compiler/SizeFunctions.h"
#include "lib/Quantize/WeightUses.h"
#include "qcc/Compiler/Options.h"
#include "qcc/Kernel/RowClasses.h"
#include "qcc/Quantize/WeightPipeline.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/Path.h"
using namespace mlir;
using namespace qcc;

StringRef qcc::weightKindName(WeightKind kind) {
  static constexpr llvm::StringLiteral names[] = {"linear", "head", "embedding", "other"};
  return names[int(kind)];
}

BuildReport::Sum BuildReport::sum(llvm::function_ref<bool(const WeightReport &)> of) const {
  Sum total;
  for (const WeightReport &weight : weights)
    if (of(weight)) {
      total.weights += weight.elements();
      total.bytes += weight.bytes;
      total.bits += weight.bits * double(weight.elements());
    }
  return total;
}

int64_t BuildReport::peakBytes() const { return weightsBytes + (cache ? cache->bytes : 0) + std::max(arenaDecode.value_or(0), arenaPrompt.value_or(0)); }

static WeightKind kindOf(const WeightUse &use) {
  return use.head ? WeightKind::Head : use.matmul ? WeightKind::Linear : use.gather ? WeightKind::Embedding : WeightKind::Other;
}

static std::vector<WeightReport> describeWeights(ModuleOp module, const CompilerOptions &options) {
  std::vector<WeightReport> weights;
  for (auto &[op, use] : findWeightUses(module)) {
    auto decl = cast<qnt::WeightDeclOp>(op);
    auto type = cast<RankedTensorType>(decl.getType());
    Type element = type.getElementType();
    WeightReport weight;
    weight.weight = decl.getSymName().str();
    weight.tensors = sectionName(decl);
    weight.kind = kindOf(use);
    weight.format = qnt::formatName(element);
    if (auto reason = decl->getAttrOfType<StringAttr>("qnt.decided"))
      weight.reason = reason.str();
    if (isa<qnt::BlockType>(element) && !decl.arrivesQuantized())
      weight.method = options.method;
    if (decl.getColumnFactors())
      weight.scaling = options.scaling;
    weight.rows = type.getRank() ? type.getDimSize(0) : 1;
    weight.columns = weight.rows ? type.getNumElements() / weight.rows : 0;
    weight.bits = qnt::bitsPerWeight(element, weight.columns);
    if (!weight.bits && element.isIntOrFloat())
      weight.bits = element.getIntOrFloatBitWidth();
    weight.bytes = decl.getLayout() ? decl.getLayout()->getBytes() : 0;
    weights.push_back(std::move(weight));
  }
  return weights;
}

static std::optional<CacheReport> describeCache(ModuleOp module) {
  CacheReport cache;
  auto main = module.lookupSymbol<func::FuncOp>("main");
  for (Type type : main ? main.getArgumentTypes() : TypeRange())
    if (auto one = dyn_cast<qnt::CacheType>(type)) {
      ++cache.layers;
      cache.bytesPerToken += one.bytesPerToken();
      llvm::raw_string_ostream(cache.element = "") << one.getElement();
    }
  return cache.layers ? std::optional(cache) : std::nullopt;
}

namespace {
/// The arena's size for calls of one sequence, or of as many as the model fixes.
class CallSizes {
public:
  CallSizes(ModuleOp module, ModuleOp lowered, int64_t context) : lowered(lowered), context(context) {
    auto dims = module->getAttrOfType<ArrayAttr>("qnt.dims");
    auto fixed = module->getAttrOfType<DictionaryAttr>("qnt.fixed_dims");
    auto extent = [&](StringRef name) {
      auto number = fixed ? fixed.getAs<IntegerAttr>(name) : IntegerAttr();
      return number ? number.getInt() : 0;
    };
    hasSeq = dims && llvm::is_contained(dims, Attribute(StringAttr::get(module.getContext(), "seq")));
    batch = std::max<int64_t>(1, extent("batch"));
    fixedSeq = extent("seq");
  }
  /// Tokens of a call that takes as many as the program can at once, up to `most`; 0 where it knows no sequences.
  int64_t tokens(int64_t most) const { return fixedSeq ? fixedSeq : hasSeq ? most : 0; }
  std::optional<int64_t> state() const { return evaluateSize(lowered, "state_bytes", dimensions(0, 1)); }
  std::optional<int64_t> arena(int64_t past, int64_t seq) const {
    int64_t rows = batch * seq;
    for (const RowClass &rowClass : rowClasses)
      if (rows >= rowClass.min && rows <= rowClass.max)
        return evaluateSize(lowered, (rowClass.name + ".frame").str(), dimensions(past, seq));
    return std::nullopt;
  }

private:
  llvm::StringMap<int64_t> dimensions(int64_t past, int64_t seq) const {
    return {{"batch", batch}, {"seq", seq}, {"past", past}, {"total", past + seq}, {"keep", 1}, {"context", context}};
  }
  ModuleOp lowered;
  int64_t context, batch, fixedSeq;
  bool hasSeq;
};
} // namespace

BuildReport qcc::describeBuild(ModuleOp module, ModuleOp lowered, const CompilerOptions &options, const TargetInfo &target, const SourceFiles &sources) {
  BuildReport report;
  report.model = llvm::sys::path::filename(options.input).str();
  report.target = target.name;
  CompilerOptions resolved = options;
  resolved.target = target.name;
  report.options = reproducingOptions(resolved);
  report.hasAbsentData = sources.anyAbsent();
  report.weights = describeWeights(module, options);
  if (auto bytes = module->getAttrOfType<IntegerAttr>("qnt.weights_bytes"))
    report.weightsBytes = bytes.getInt();
  auto bound = module->getAttrOfType<IntegerAttr>("qnt.max_context");
  int64_t context = bound ? bound.getInt() : 4096;
  CallSizes sizes(module, lowered, context);
  if ((report.cache = describeCache(module))) {
    report.cache->maxContext = context;
    report.cache->bytes = sizes.state().value_or(report.cache->bytesPerToken * context);
  }
  report.promptTokens = sizes.tokens(std::min<int64_t>(512, context));
  report.arenaDecode = sizes.arena(report.cache ? context - 1 : 0, 1);
  if (report.promptTokens)
    report.arenaPrompt = sizes.arena(0, report.promptTokens);
  return report;
}

void qcc::addErrors(BuildReport &report, ModuleOp module, const WeightErrors &errors) {
  SymbolTable symbols(module);
  for (WeightReport &weight : report.weights)
    weight.error = errors.find(symbols.lookup<qnt::WeightDeclOp>(weight.weight));
}

void qcc::addVerified(BuildReport &report, const llvm::StringMap<double> &products) {
  for (WeightReport &weight : report.weights)
    if (auto at = products.find(weight.tensors); at != products.end() && (weight.kind == WeightKind::Linear || weight.kind == WeightKind::Head))
      weight.difference = at->second;
}

/// "layers.12.mlp" is like "layers.3.mlp".
static std::string withoutNumbers(StringRef name) {
  std::string text;
  for (auto [i, c] : llvm::enumerate(name))
    if (!llvm::isDigit(c))
      text += c;
    else if (i == 0 || !llvm::isDigit(name[i - 1]))
      text += '*';
  return text;
}

static SmallVector<int64_t> numbersIn(StringRef name) {
  SmallVector<int64_t> numbers;
  while (!name.empty())
    if (int64_t number; !llvm::isDigit(name.front()) || name.consumeInteger(10, number))
      name = name.drop_front();
    else
      numbers.push_back(number);
  return numbers;
}

/// "{0-2,5}" of rising numbers.
static std::string rangesText(ArrayRef<int64_t> numbers) {
  std::string text;
  for (size_t i = 0, last; i < numbers.size(); i = last + 1) {
    for (last = i; last + 1 < numbers.size() && numbers[last + 1] == numbers[last] + 1;)
      ++last;
    text += (text.empty() ? "" : ",") + std::to_string(numbers[i]) + (last > i ? "-" + std::to_string(numbers[last]) : "");
  }
  return "{" + text + "}";
}

/// "layers.{0-2,5}.mlp": the name of a group that is not all weights of such names. With stars where more than one number differs.
static std::string nameWithNumbers(const WeightGroup &group) {
  SmallVector<SmallVector<int64_t>> columns;           // by number in the name
  for (const WeightReport *weight : group.weights)
    for (auto [i, number] : llvm::enumerate(numbersIn(weight->weight))) {
      columns.resize(std::max(columns.size(), i + 1));
      columns[i].push_back(number);
    }
  std::string text;
  size_t varying = 0, at = 0;
  for (char c : withoutNumbers(group.weights.front()->weight)) {
    if (c != '*' || at >= columns.size()) {
      text += c;
      continue;
    }
    bool differ = !llvm::all_equal(columns[at]);
    varying += differ;
    text += differ ? rangesText(columns[at]) : std::to_string(columns[at].front());
    ++at;
  }
  return varying == 1 ? text : group.name;
}

std::vector<WeightGroup> qcc::groupWeights(const BuildReport &report) {
  llvm::StringMap<size_t> at;
  std::vector<WeightGroup> groups;
  for (const WeightReport &weight : report.weights) {
    std::string name = withoutNumbers(weight.weight);
    std::string key = (weightKindName(weight.kind) + "|" + weight.format + "|" + weight.reason + "|" + Twine(weight.rows) + "x" + Twine(weight.columns) + "|" + name).str();
    auto [known, isNew] = at.try_emplace(key, groups.size());
    if (isNew)
      groups.push_back({weight.weight, {}});
    else
      groups[known->second].name = name;
    groups[known->second].weights.push_back(&weight);
  }
  llvm::StringMap<int> alike;
  for (const WeightGroup &group : groups)
    ++alike[withoutNumbers(group.weights.front()->weight)];
  for (WeightGroup &group : groups)
    if (group.weights.size() > 1 && alike[withoutNumbers(group.weights.front()->weight)] > 1)
      group.name = nameWithNumbers(group);
  return groups;
}

std::string qcc::bytesText(double bytes) {
  std::string text;
  llvm::raw_string_ostream out(text);
  if (bytes < 1e3)
    out << llvm::format("%.0f bytes", bytes);
  else
    out << (bytes < 1e6 ? llvm::format("%.2f KB", bytes / 1e3) : bytes < 1e9 ? llvm::format("%.2f MB", bytes / 1e6) : llvm::format("%.2f GB", bytes / 1e9));
  return text;
}

static std::string countText(int64_t weights) {
  std::string text;
  llvm::raw_string_ostream out(text);
  double n = double(weights);
  if (n < 1e6)
    out << weights;
  else
    out << (n < 1e9 ? llvm::format("%.2f M", n / 1e6) : llvm::format("%.2f B", n / 1e9));
  return text;
}

static void printGroups(const BuildReport &report, llvm::raw_ostream &out) {
  out << "   count  shape           format       bits/weight         bytes  kind       weight\n";
  for (const WeightGroup &group : groupWeights(report)) {
    const WeightReport &one = *group.weights.front();
    int64_t bytes = 0;
    for (const WeightReport *weight : group.weights)
      bytes += weight->bytes;
    out << llvm::format("%8zu  ", group.weights.size()) << llvm::left_justify((Twine(one.rows) + "x" + Twine(one.columns)).str(), 15) << ' ' << llvm::left_justify(one.format, 12)
        << llvm::format(" %11.3f  ", one.bits) << llvm::right_justify(bytesText(double(bytes)), 12) << "  " << llvm::left_justify(weightKindName(one.kind), 9) << "  " << group.name
        << (one.reason.empty() ? "" : "  (" + one.reason + ")") << "\n";
  }
}

void qcc::printPlan(const BuildReport &report, llvm::raw_ostream &out) {
  out << "plan for " << report.model << ", target " << report.target << (report.hasAbsentData ? " (its weights' files are missing: shapes only)" : "") << "\n\n";
  printGroups(report, out);
  out << "\n   weights                bits/weight         bytes\n";
  auto line = [&](StringRef name, const BuildReport::Sum &sum, int64_t bytes) {
    if (sum.weights)
      out << "   " << llvm::left_justify(name, 10) << llvm::right_justify(countText(sum.weights), 10) << llvm::format(" %13.3f  ", sum.bitsPerWeight())
          << llvm::right_justify(bytesText(double(bytes)), 12) << "\n";
  };
  for (WeightKind kind : weightKinds) {
    BuildReport::Sum sum = report.sum(kind);
    line(weightKindName(kind), sum, sum.bytes);
  }
  line("all", report.sum([](const WeightReport &) { return true; }), report.weightsBytes);
  out << "\n";
  if (const auto &cache = report.cache)
    out << "KV cache: " << bytesText(double(cache->bytesPerToken)) << " a token (" << cache->layers << " layers, " << cache->element << "), " << bytesText(double(cache->bytes)) << " at "
        << cache->maxContext << " tokens\n";
  auto arena = [&](const std::optional<int64_t> &bytes) { return bytes ? bytesText(double(*bytes)) : std::string("not known before it runs"); };
  out << "arena: one token: " << arena(report.arenaDecode);
  if (report.promptTokens)
    out << "; " << report.promptTokens << " tokens at once: " << arena(report.arenaPrompt);
  out << "\n";
  out << "peak memory of a run: " << bytesText(double(report.peakBytes())) << " (weights" << (report.cache ? ", cache" : "")
      << (report.arenaDecode || report.arenaPrompt ? ", arena)\n" : "; the arena is not known)\n");
}
