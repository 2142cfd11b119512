// Finds the sequence of operations that a model repeats, layer by layer, and makes it one function.
//
// First all operations get an order that depends on the data flow only (two exports of one model then read the same). Then every period p is
// tried: operation i and i + p must be the same operation on the same types. The repetition that covers most operations wins, cut where the
// fewest values cross. Weights, constants and dimensions take no part: they are arguments where they differ, and copied in where not.
#include "dialects/Quant/Quant.h"
#include "qcc/Graph/Passes.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringMap.h"
namespace qcc {
#define GEN_PASS_DEF_OUTLINELAYERS
#include "qcc/Graph/Passes.h.inc"
} // namespace qcc
using namespace mlir;
using namespace qcc;

/// Copied into a function rather than passed: it has no inputs but others of its kind.
static bool isParameter(Operation *op) {
  return isMemoryEffectFree(op) && op->getNumRegions() == 0 && op->getNumResults() == 1 &&
         llvm::all_of(op->getOperands(), [](Value v) { return v.getDefiningOp() && isParameter(v.getDefiningOp()); });
}

/// Orders a block by its data flow: operations with effects keep their order, each preceded by what it needs and has not been needed before.
static void sortByDataFlow(Block &block) {
  SmallVector<Operation *> anchors, order;
  for (Operation &op : block)
    if ((!isMemoryEffectFree(&op) && !isa<qnt::CacheLoadOp>(op)) || op.hasTrait<OpTrait::IsTerminator>()) // a new cache is made where it is first used
      anchors.push_back(&op);
  DenseSet<Operation *> done;
  for (Operation *anchor : anchors) {
    SmallVector<std::pair<Operation *, SmallVector<Value>>> stack;
    auto push = [&](Operation *op) {
      if (!done.insert(op).second)
        return;
      SmallVector<Value> needs(op->getOperands());
      // Values that regions capture are needed too.
      op->walk([&](Operation *inner) {
        if (inner != op)
          for (Value v : inner->getOperands())
            if (Operation *def = v.getDefiningOp(); def && def->getBlock() == &block)
              needs.push_back(v);
      });
      std::reverse(needs.begin(), needs.end());
      stack.push_back({op, std::move(needs)});
    };
    push(anchor);
    while (!stack.empty()) {
      auto &[op, needs] = stack.back();
      if (needs.empty()) {
        order.push_back(op);
        stack.pop_back();
        continue;
      }
      Operation *def = needs.pop_back_val().getDefiningOp();
      if (def && def->getBlock() == &block)
        push(def);
    }
  }
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block)))
    if (!done.contains(&op)) // nothing needs it
      op.erase();
  for (Operation *op : order)
    op->moveBefore(&block, block.end());
}

namespace {
/// Operations `ops[start .. start + count * period)` are `count` repetitions.
struct Repeat {
  size_t start = 0, period = 0, count = 0;
  size_t covered() const { return period * count; }
};

struct OutlineLayers : qcc::impl::OutlineLayersBase<OutlineLayers> {
  void runOnOperation() override {
    auto main = getOperation().lookupSymbol<func::FuncOp>("main");
    if (!main || main.isExternal() || !llvm::hasSingleElement(main.getBody()))
      return;
    Block &block = main.getBody().front();
    sortByDataFlow(block);
    SymbolTable symbols(getOperation());
    for (int round = 0; round < 4; ++round) { // encoder and decoder stacks, and stacks of two kinds of layers
      SmallVector<Operation *> ops;
      for (Operation &op : block)
        if (!isParameter(&op) && !op.hasTrait<OpTrait::IsTerminator>())
          ops.push_back(&op);
      Repeat repeat = findRepeat(ops);
      // 4: a shorter sequence is no layer, and a call would cost more than it saves.
      if (repeat.count < 2 || repeat.period < 4)
        break;
      outline(symbols, main, ops, repeat);
      sortByDataFlow(block);
    }
  }

  /// A number per operation: equal for the same operation on the same types.
  SmallVector<unsigned> keysOf(ArrayRef<Operation *> ops) {
    llvm::StringMap<unsigned> known;
    SmallVector<unsigned> keys;
    for (Operation *op : ops) {
      std::string text;
      llvm::raw_string_ostream os(text);
      os << op->getName() << op->getAttrDictionary() << op->getOperandTypes() << op->getResultTypes();
      for (Region &region : op->getRegions()) // linalg bodies: their text says it all
        region.walk([&](Operation *inner) { os << inner->getName() << inner->getAttrDictionary() << inner->getResultTypes(); });
      keys.push_back(known.try_emplace(text, known.size()).first->second);
    }
    return keys;
  }

  Repeat findRepeat(ArrayRef<Operation *> ops) {
    SmallVector<unsigned> keys = keysOf(ops);
    Repeat best;
    unsigned fewest = 0;
    for (size_t period = 4; period * 2 <= ops.size(); ++period)
      for (size_t i = 0; i + period < ops.size();) {
        size_t run = 0;
        while (i + run + period < ops.size() && keys[i + run] == keys[i + run + period])
          ++run;
        size_t count = run / period + 1;
        if (count >= 2 && count * period >= best.covered())
          for (size_t shift = 0; shift <= run - (count - 1) * period; ++shift) {
            Repeat candidate{i + shift, period, count};
            unsigned crossing = crossingValues(ops, candidate);
            bool better = candidate.covered() > best.covered() || (period == best.period && crossing < fewest);
            if (better && consistent(ops, candidate))
              best = candidate, fewest = crossing;
          }
        i += run + 1;
      }
    return best;
  }

  static DenseMap<Operation *, size_t> indicesOf(ArrayRef<Operation *> ops, const Repeat &r, size_t iteration) {
    DenseMap<Operation *, size_t> indices;
    for (size_t j = 0; j < r.period; ++j)
      indices[ops[r.start + iteration * r.period + j]] = j;
    return indices;
  }
  /// How many values of the first repetition are used after it.
  unsigned crossingValues(ArrayRef<Operation *> ops, const Repeat &r) {
    auto inside = indicesOf(ops, r, 0);
    unsigned crossing = 0;
    for (size_t j = 0; j < r.period; ++j) {
      Operation *op = ops[r.start + j];
      for (Value result : op->getResults())
        crossing += llvm::any_of(result.getUsers(), [&](Operation *user) { return !inside.contains(outermost(user, op->getBlock())); });
    }
    return crossing;
  }
  static Operation *outermost(Operation *op, Block *block) { return block->findAncestorOpInBlock(*op); }

  /// All values that an operation reads, those that its regions capture included.
  static SmallVector<OpOperand *> reads(Operation *op) {
    SmallVector<OpOperand *> result;
    op->walk<WalkOrder::PreOrder>([&](Operation *inner) {
      for (OpOperand &operand : inner->getOpOperands())
        if (operand.get().getParentBlock() == op->getBlock())
          result.push_back(&operand);
    });
    return result;
  }

  /// Values that regions capture are compared with the wiring, so any two of those are fine here.
  static bool sameRegions(Operation *a, Operation *b) {
    for (auto [x, y] : llvm::zip(a->getRegions(), b->getRegions())) {
      DenseMap<Value, Value> pairs;
      auto check = [&](Value l, Value r) { return success(!pairs.contains(l) || pairs.lookup(l) == r); };
      auto mark = [&](Value l, Value r) { pairs[l] = r; };
      if (!OperationEquivalence::isRegionEquivalentTo(&x, &y, check, mark, OperationEquivalence::IgnoreLocations))
        return false;
    }
    return true;
  }

  /// Are the operations of every repetition wired among themselves as those of the first?
  bool consistent(ArrayRef<Operation *> ops, const Repeat &r) {
    auto first = indicesOf(ops, r, 0);
    for (size_t t = 1; t < r.count; ++t) {
      auto indices = indicesOf(ops, r, t);
      for (size_t j = 0; j < r.period; ++j) {
        SmallVector<OpOperand *> a = reads(ops[r.start + j]), b = reads(ops[r.start + t * r.period + j]);
        if (a.size() != b.size() || !sameRegions(ops[r.start + j], ops[r.start + t * r.period + j]))
          return false;
        for (auto [x, y] : llvm::zip(a, b)) {
          auto p = first.find(x->get().getDefiningOp()), q = indices.find(y->get().getDefiningOp());
          bool in = x->get().getDefiningOp() && p != first.end(), other = y->get().getDefiningOp() && q != indices.end();
          if (in != other || x->get().getType() != y->get().getType())
            return false;
          if (in && (p->second != q->second || cast<OpResult>(x->get()).getResultNumber() != cast<OpResult>(y->get()).getResultNumber()))
            return false;
        }
      }
    }
    return true;
  }

  /// Do two parameters compute the same?
  static bool sameParameter(Value a, Value b) {
    if (a == b)
      return true;
    Operation *x = a.getDefiningOp(), *y = b.getDefiningOp();
    if (!x || !y || !isParameter(x) || !isParameter(y) || x->getName() != y->getName() || x->getAttrDictionary() != y->getAttrDictionary() || a.getType() != b.getType())
      return false;
    return llvm::all_of(llvm::zip(x->getOperands(), y->getOperands()), [](auto pair) { return sameParameter(std::get<0>(pair), std::get<1>(pair)); });
  }

  /// Operation j of the function stands for that of every repetition.
  Location repeatedLoc(ArrayRef<Operation *> ops, const Repeat &r, size_t j) {
    SmallVector<Location> locations;
    for (size_t t = 0; t < r.count; ++t)
      locations.push_back(ops[r.start + t * r.period + j]->getLoc());
    return FusedLoc::get(locations, StringAttr::get(&getContext(), "repeated"), &getContext());
  }

  /// What the function takes and gives.
  struct Interface {
    SmallVector<SmallVector<Value>> arguments;         // the values of each in every repetition
    DenseMap<OpOperand *, size_t> argumentOf;          // operands of the first repetition that read one
    SmallVector<OpOperand *> shared;                   // and those that read the same parameter in every repetition: copied into the function
    llvm::SetVector<std::pair<size_t, unsigned>> results;  // operation of the repetition, number of its result
  };

  /// Outside values, slot by slot over all repetitions; slots that hold the same values everywhere are one argument.
  static void findArguments(ArrayRef<Operation *> ops, const Repeat &r, Interface &interface) {
    auto inside = indicesOf(ops, r, 0);
    for (size_t j = 0; j < r.period; ++j) {
      SmallVector<SmallVector<OpOperand *>> all;
      for (size_t t = 0; t < r.count; ++t)
        all.push_back(reads(ops[r.start + t * r.period + j]));
      for (size_t k = 0; k < all[0].size(); ++k) {
        Value value = all[0][k]->get();
        if (value.getDefiningOp() && inside.contains(value.getDefiningOp()))
          continue;
        SmallVector<Value> slot;
        for (auto &operands : all)
          slot.push_back(operands[k]->get());
        if (value.getDefiningOp() && isParameter(value.getDefiningOp()) && llvm::all_of(slot, [&](Value v) { return sameParameter(v, value); })) {
          interface.shared.push_back(all[0][k]);
          continue;
        }
        auto it = llvm::find(interface.arguments, slot);
        interface.argumentOf[all[0][k]] = it - interface.arguments.begin();
        if (it == interface.arguments.end())
          interface.arguments.push_back(slot);
      }
    }
  }

  /// What any repetition's operations give to others.
  static void findResults(ArrayRef<Operation *> ops, const Repeat &r, Interface &interface) {
    Block *block = ops[r.start]->getBlock();
    for (size_t t = 0; t < r.count; ++t) {
      auto indices = indicesOf(ops, r, t);
      for (size_t j = 0; j < r.period; ++j)
        for (OpResult result : ops[r.start + t * r.period + j]->getResults())
          if (llvm::any_of(result.getUsers(), [&](Operation *user) { return !indices.contains(outermost(user, block)); }))
            interface.results.insert({j, result.getResultNumber()});
    }
  }

  /// The function: a copy of the first repetition.
  func::FuncOp buildLayer(SymbolTable &symbols, func::FuncOp main, ArrayRef<Operation *> ops, const Repeat &r, const Interface &interface) {
    OpBuilder b(&getContext());
    SmallVector<Type> argumentTypes, resultTypes;
    for (auto &slot : interface.arguments)
      argumentTypes.push_back(slot[0].getType());
    for (auto [j, number] : interface.results)
      resultTypes.push_back(ops[r.start + j]->getResult(number).getType());
    b.setInsertionPointAfter(main);
    auto layer = func::FuncOp::create(b, ops[r.start]->getLoc(), "layer", b.getFunctionType(argumentTypes, resultTypes));
    layer.setPrivate();
    symbols.insert(layer);
    Block *body = layer.addEntryBlock();
    b.setInsertionPointToStart(body);
    IRMapping mapping;
    for (size_t j = 0; j < r.period; ++j) {
      Operation *op = ops[r.start + j];
      for (OpOperand *operand : reads(op)) {
        auto it = interface.argumentOf.find(operand);
        if (it != interface.argumentOf.end())
          mapping.map(operand->get(), body->getArgument(it->second));
        else if (llvm::is_contained(interface.shared, operand))
          copyParameter(b, operand->get(), mapping);
      }
      b.clone(*op, mapping)->setLoc(repeatedLoc(ops, r, j));
    }
    SmallVector<Value> returned;
    for (auto [j, number] : interface.results)
      returned.push_back(mapping.lookup(ops[r.start + j]->getResult(number)));
    func::ReturnOp::create(b, layer.getLoc(), returned);
    return layer;
  }
  static void copyParameter(OpBuilder &b, Value parameter, IRMapping &mapping) {
    if (mapping.contains(parameter))
      return;
    for (Value operand : parameter.getDefiningOp()->getOperands())
      copyParameter(b, operand, mapping);
    b.clone(*parameter.getDefiningOp(), mapping);
  }

  /// Behind repetition `t`, a call whose results are used instead of its own.
  static void callLayer(func::FuncOp layer, ArrayRef<Operation *> ops, const Repeat &r, size_t t, Interface &interface) {
    Operation *last = ops[r.start + (t + 1) * r.period - 1];
    SmallVector<Value> operands;
    for (auto &slot : interface.arguments)
      operands.push_back(slot[t]);
    OpBuilder b(layer.getContext());
    b.setInsertionPointAfter(last);
    auto call = func::CallOp::create(b, ops[r.start + t * r.period]->getLoc(), layer, operands);
    auto indices = indicesOf(ops, r, t);
    auto isOutside = [&](OpOperand &use) { return !indices.contains(outermost(use.getOwner(), last->getBlock())); };
    for (auto [k, key] : llvm::enumerate(interface.results)) {
      Value old = ops[r.start + t * r.period + key.first]->getResult(key.second);
      old.replaceUsesWithIf(call.getResult(k), isOutside);
      for (auto &slot : interface.arguments)           // those of later repetitions still name what this call replaces
        llvm::replace(slot, old, call.getResult(k));
    }
  }

  void outline(SymbolTable &symbols, func::FuncOp main, ArrayRef<Operation *> ops, const Repeat &r) {
    Interface interface;
    findArguments(ops, r, interface);
    findResults(ops, r, interface);
    func::FuncOp layer = buildLayer(symbols, main, ops, r, interface);
    for (size_t t = 0; t < r.count; ++t)
      callLayer(layer, ops, r, t, interface);
    numCalls += r.count;
    for (size_t i = r.covered(); i-- > 0;)
      ops[r.start + i]->erase();
  }
};
} // namespace
