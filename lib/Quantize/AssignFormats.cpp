// Decides the format of every weight; see Passes.td for the rules. Only types change here, no weight is read.
#include "RetypeWeights.h"
#include "WeightNames.h"
#include "WeightUses.h"
#include "dialects/Quant/Formats/Defaults.h"
#include "dialects/Quant/Formats/Format.h"
#include "qcc/Quantize/Passes.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Support/Regex.h"
namespace qcc {
#define GEN_PASS_DEF_ASSIGNFORMATS
#include "qcc/Quantize/Passes.h.inc"
} // namespace qcc
using namespace mlir;
using namespace qcc;

namespace {
/// One `regex=format`.
struct Rule {
  std::string text;
  std::shared_ptr<llvm::Regex> regex; // shared, since passes are copied
  Type format;
  bool matched = false;
  unsigned overrides = 0; // weights of which a recipe said something else
};
struct Choice {
  Type element; // null: the weight keeps its type
  std::string reason;
  bool isFree = false; // only the default speaks for it: assign-precision may decide otherwise
};
using ByteRange = std::pair<int64_t, int64_t>; // file, offset

struct AssignFormats : qcc::impl::AssignFormatsBase<AssignFormats> {
  using Base::Base;
  void runOnOperation() override;

private:
  LogicalResult readOptions();
  LogicalResult readRule(StringRef text);
  LogicalResult refuseFormat(const Twine &where, StringRef name);
  FailureOr<Type> formatOfBits(unsigned bits, StringRef option, StringRef qnt::DefaultFormats::*byDefault);
  Choice choose(qnt::WeightDeclOp decl, const WeightUse &use);
  Choice chooseByDefault(qnt::WeightDeclOp decl, const WeightUse &use);
  Type matchRules(qnt::WeightDeclOp decl, std::string &text);
  void countOverride(StringRef rule);
  void warnOfFloats(const llvm::MapVector<Operation *, WeightUse> &uses);

  Type weightFormat, headFormat, tableFormat;
  std::vector<Rule> rules;
  llvm::SetVector<ByteRange> headBytes; // where the head's values lie: a table that shares them follows the head
};
} // namespace

static SmallVector<ByteRange> bytesOf(qnt::WeightDeclOp decl) {
  SmallVector<ByteRange> ranges;
  for (auto part : decl.getParts().getAsRange<qnt::PartAttr>())
    if (qnt::BytesAttr data = part.getData())
      ranges.push_back({data.getFile(), data.getOffset()});
  return ranges;
}

/// A group longer than the row is the row: the same codes, and kernels do not pad the row to whole groups. As it is where the family has no such format.
static Type groupWithinRow(Type element, int64_t columns) {
  auto block = dyn_cast_if_present<qnt::BlockType>(element);
  if (!block || block.getSuper() || block.getGroup() <= columns)
    return element;
  Type whole = qnt::BlockType::get(block.getContext(), block.getElement(), block.getBits(), -1, block.getScale(), block.getZero(), 0, 0, block.getTable());
  return qnt::familyOf(whole) ? whole : element;
}

FailureOr<Type> AssignFormats::formatOfBits(unsigned bits, StringRef option, StringRef qnt::DefaultFormats::*byDefault) {
  const qnt::DefaultFormats *row = qnt::defaultFormats(bits);
  if (!row)
    return getOperation().emitError() << option << " = " << bits << " is not supported, expected one of " << qnt::listBits();
  if (defaultFormat)
    return qnt::parseFormat(row->*byDefault, &getContext());
  int64_t group = groupSize < 1 || groupSize > qnt::BlockType::maxGroup ? -1 : groupSize.getValue();   // others are refused below
  return qnt::formatOfBits(&getContext(), bits, group, asym);
}

LogicalResult AssignFormats::refuseFormat(const Twine &where, StringRef name) {
  InFlightDiagnostic error = getOperation().emitError() << where << "no format is named '" << name << "' [unknown-format]";
  error.attachNote() << "there are:\n" << StringRef(qnt::listFormats()).rtrim();
  return error;
}

LogicalResult AssignFormats::readRule(StringRef text) {
  auto [pattern, name] = text.rsplit('=');
  Rule rule{text.str(), std::make_shared<llvm::Regex>(pattern), qnt::parseFormat(name, &getContext())};
  std::string why;
  if (pattern.empty() || !text.contains('='))
    return getOperation().emitError() << "--tensor-type=" << text << " is not of the form regex=format [tensor-type]";
  if (!rule.regex->isValid(why))
    return getOperation().emitError() << "--tensor-type=" << text << " has a bad regular expression: " << why << " [tensor-type]";
  if (!rule.format)
    return refuseFormat("--tensor-type=" + text + ": ", name);
  rules.push_back(std::move(rule));
  return success();
}

LogicalResult AssignFormats::readOptions() {
  bool good = groupSize == -1 || (groupSize >= 1 && groupSize <= qnt::BlockType::maxGroup);  // all problems at once
  if (!good)
    getOperation().emitError() << "group-size = " << groupSize.getValue() << " is not supported, expected 1 to " << qnt::BlockType::maxGroup << ", or -1 for the whole row";
  FailureOr<Type> weight = formatOfBits(wbits, "wbits", &qnt::DefaultFormats::layers);
  FailureOr<Type> head = formatOfBits(headBits ? headBits : wbits < 16 ? 8 : wbits, "head-bits", &qnt::DefaultFormats::head);
  good &= succeeded(weight) && succeeded(head);
  if (good) {
    weightFormat = *weight;
    headFormat = *head;
    tableFormat = weightFormat.isF32() ? weightFormat : Float16Type::get(&getContext());
  }
  if (!format.empty() && !(weightFormat = qnt::parseFormat(format, &getContext()))) {
    good = false;
    (void)refuseFormat("", format);
  }
  for (const std::string &text : tensorTypes)
    good &= succeeded(readRule(text));
  return success(good);
}

/// The format that a rule gives `decl`, or null. Parts of a merged weight share one format: if rules disagree, the widest.
Type AssignFormats::matchRules(qnt::WeightDeclOp decl, std::string &text) {
  Type found;
  int64_t columns = cast<RankedTensorType>(decl.getType()).getShape().back();
  for (auto part : decl.getParts().getAsRange<qnt::PartAttr>()) {
    auto rule = llvm::find_if(rules, [&](Rule &rule) { return matchesName(*rule.regex, decl, part); });
    if (rule == rules.end())
      continue;
    rule->matched = true;
    if (found && found != rule->format)
      decl.emitWarning() << "weight '" << decl.getSymName() << "' joins tensors that '" << text << "' and '" << rule->text << "' give different formats, takes the wider one";
    if (!found || qnt::bitsPerWeight(rule->format, columns) > qnt::bitsPerWeight(found, columns)) {
      found = rule->format;
      text = rule->text;
    }
  }
  return found;
}

void AssignFormats::countOverride(StringRef text) {
  for (Rule &rule : rules)
    if (rule.text == text)
      return void(++rule.overrides);
}

/// What neither a rule nor a recipe says.
Choice AssignFormats::chooseByDefault(qnt::WeightDeclOp decl, const WeightUse &use) {
  if (use.head)
    return {headFormat, "head-bits"};
  if (use.matmul)
    return {weightFormat, format.empty() ? "wbits" : "format", /*isFree=*/!use.gather};
  bool isTied = !decl.isChanged() && llvm::any_of(bytesOf(decl), [&](ByteRange range) { return headBytes.contains(range); });
  return isTied ? Choice{headFormat, "head-bits: tied to the head"} : Choice{tableFormat, "embedding table"};
}

Choice AssignFormats::choose(qnt::WeightDeclOp decl, const WeightUse &use) {
  auto type = cast<RankedTensorType>(decl.getType());
  std::string rule;
  Type ruled = matchRules(decl, rule);
  auto recipe = decl->getAttrOfType<DictionaryAttr>("qnt.recipe");
  Type known = recipe ? recipe.getAs<TypeAttr>("format").getValue() : Type();
  auto keep = [&](StringRef reason) -> Choice {
    if (ruled && ruled != type.getElementType())
      decl.emitWarning() << "weight '" << decl.getSymName() << "' keeps its format although '" << rule << "' names it: it " << reason;
    if (known && known != type.getElementType()) {
      decl.emitError() << "weight '" << decl.getSymName() << "' cannot have the format " << qnt::formatName(known) << " of the recipe: it " << reason;
      signalPassFailure();
    }
    return {Type(), reason.str()};
  };
  if (decl.arrivesQuantized())
    return keep("arrives quantized");
  if (use.other || type.getRank() != 2 || !isa<FloatType>(type.getElementType()))
    return keep("is read as plain values");
  auto fits = [&](Type format) { return groupWithinRow(format, type.getShape().back()); };
  if (known && !ruled)
    return Choice{fits(known), recipe.getAs<StringAttr>("reason").str()};
  Choice choice = ruled ? Choice{ruled, "tensor-types: " + rule} : chooseByDefault(decl, use);
  choice.element = fits(choice.element);
  if (known && choice.element != fits(known))
    countOverride(rule);
  return choice;
}

/// Weights that cost, and that only linear layers would read in `weightFormat`.
void AssignFormats::warnOfFloats(const llvm::MapVector<Operation *, WeightUse> &uses) {
  constexpr int64_t large = 4096;   // values: 16 KB as float32
  constexpr size_t mostNotes = 16;
  SmallVector<std::pair<qnt::WeightDeclOp, Operation *>> floats;
  for (auto &[op, use] : uses) {
    auto decl = cast<qnt::WeightDeclOp>(op);
    auto type = cast<RankedTensorType>(decl.getType());
    if (!use.products.empty() && isa<FloatType>(type.getElementType()) && type.getNumElements() >= large)
      floats.push_back({decl, use.products.front()});
  }
  if (floats.empty() || weightFormat.isF32())
    return;
  InFlightDiagnostic warning = floats.front().second->emitWarning();
  warning << "weight '" << floats.front().first.getSymName() << "' stays float32, as it is of no linear layer: the product is of another form";
  for (auto [decl, product] : ArrayRef(floats).drop_front().take_front(mostNotes))
    warning.attachNote(product->getLoc()) << "so does weight '" << decl.getSymName() << "'";
  if (floats.size() > mostNotes + 1)
    warning.attachNote() << "and " << floats.size() - mostNotes - 1 << " more";
}

void AssignFormats::runOnOperation() {
  rules.clear();
  headBytes.clear();
  if (failed(readOptions()))
    return signalPassFailure();
  auto uses = findWeightUses(getOperation());
  for (auto &[op, use] : uses)
    if (use.head)
      for (ByteRange range : bytesOf(cast<qnt::WeightDeclOp>(op)))
        headBytes.insert(range);

  warnOfFloats(uses);
  llvm::DenseMap<StringAttr, RankedTensorType> types;
  for (auto &[op, use] : uses) {
    auto decl = cast<qnt::WeightDeclOp>(op);
    if (!use.matmul && !use.gather)
      continue;
    Choice choice = choose(decl, use);
    decl->removeAttr("qnt.recipe");
    if (!choice.isFree) {
      decl->removeAttr("qnt.sensitivity");
      decl->removeAttr("qnt.placed_bits");
    }
    decl->setAttr("qnt.decided", StringAttr::get(&getContext(), choice.reason));
    auto type = cast<RankedTensorType>(decl.getType());
    if (!choice.element || choice.element == type.getElementType())
      continue;
    types[decl.getSymNameAttr()] = type.clone(choice.element);
    ++numQuantized;
  }
  for (Rule &rule : rules) {
    if (!rule.matched && !uses.empty())
      getOperation().emitWarning() << "--tensor-type=" << rule.text << " matches no weight [tensor-type]";
    if (rule.overrides)
      getOperation().emitRemark() << "--tensor-type=" << rule.text << " overrides the recipe for " << rule.overrides << (rule.overrides == 1 ? " weight" : " weights");
  }
  if (failed(applyFormats(getOperation(), types, print, numCopies)))
    signalPassFailure();
}
