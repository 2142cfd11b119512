// Turns past inputs and present outputs into in-place state, and settles the longest context.
#include "dialects/Quant/Quant.h"
#include "qcc/Graph/Passes.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/ADT/TypeSwitch.h"
namespace qcc {
#define GEN_PASS_DEF_MAKESTATE
#include "qcc/Graph/Passes.h.inc"
} // namespace qcc
using namespace mlir;
using namespace qcc;

namespace {
struct MakeState : qcc::impl::MakeStateBase<MakeState> {
  using MakeStateBase::MakeStateBase;
  void runOnOperation() override {
    auto main = getOperation().lookupSymbol<func::FuncOp>("main");
    if (!main || main.isExternal())
      return;
    if (kvCache != "state" && kvCache != "io") {
      main.emitError() << "kv-cache is 'state' or 'io', not '" << kvCache << "'";
      return signalPassFailure();
    }
    if (!elementType()) {
      main.emitError() << "element is f32, f16, i8 or i4, not '" << element << "'";
      return signalPassFailure();
    }
    if (failed(settleContext(main)))
      return signalPassFailure();
    if (kvCache == "state") {
      if (failed(checkQuantizable(main)))
        return signalPassFailure();
      makeState(main);
    }
    listDimensions(main);
  }

  /// `qnt.dims`: the dimensions that the caller binds, the canonical ones first.
  void listDimensions(func::FuncOp main) {
    llvm::SetVector<StringRef> used;
    auto take = [&](ArrayAttr dims) {
      int64_t number;
      for (Attribute dim : dims ? dims.getValue() : ArrayRef<Attribute>())
        if (StringRef name = cast<StringAttr>(dim).getValue(); !name.empty() && name.getAsInteger(10, number))
          used.insert(name);
    };
    for (unsigned i = 0; i < main.getNumArguments(); ++i)
      take(main.getArgAttrOfType<ArrayAttr>(i, "qnt.dims"));
    for (unsigned i = 0; i < main.getNumResults(); ++i)
      take(main.getResultAttrOfType<ArrayAttr>(i, "qnt.dims"));
    getOperation().walk([&](qnt::DimOp dim) { used.insert(dim.getName()); });
    if (auto fixed = getOperation()->getAttrOfType<DictionaryAttr>("qnt.fixed_dims"))
      for (NamedAttribute dim : fixed)
        used.insert(dim.getName().getValue());
    if (llvm::any_of(main.getArgumentTypes(), llvm::IsaPred<qnt::CacheType>))
      used.insert("past"), used.insert("context");
    llvm::SetVector<StringRef> names;
    for (StringRef canonical : {"batch", "seq", "past"})
      if (used.contains(canonical))
        names.insert(canonical);
    for (StringRef name : used)
      names.insert(name);
    Builder b(&getContext());
    getOperation()->setAttr("qnt.dims", b.getStrArrayAttr(names.getArrayRef()));
    SmallVector<StringRef> derived;
    for (StringRef name : names)
      if (isDerived(main, name))
        derived.push_back(name);
    if (!derived.empty())
      getOperation()->setAttr("qnt.derived_dims", b.getStrArrayAttr(derived));
  }

  /// Is `name` the extent of a result, and of no input? The runtime knows the canonical ones.
  bool isDerived(func::FuncOp main, StringRef name) {
    auto has = [&](ArrayAttr dims) { return dims && llvm::is_contained(dims, StringAttr::get(&getContext(), name)); };
    if (llvm::is_contained({"batch", "seq", "past", "total", "context"}, name))
      return false;
    bool ofInput = false, ofResult = false;
    for (unsigned i = 0; i < main.getNumArguments(); ++i)
      ofInput |= has(main.getArgAttrOfType<ArrayAttr>(i, "qnt.dims"));
    for (unsigned i = 0; i < main.getNumResults(); ++i)
      ofResult |= has(main.getResultAttrOfType<ArrayAttr>(i, "qnt.dims"));
    return ofResult && !ofInput;
  }

  /// A cache whose past are two inputs of main that nothing else reads, and whose present goes nowhere but out of main. A past of fixed length
  /// cannot grow.
  static bool isState(qnt::CacheLoadOp load) {
    if (load.getPast().size() != 2 || !llvm::all_of(load.getPast(), [](Value v) { return isa<BlockArgument>(v) && v.hasOneUse(); }))
      return false;
    if (!cast<RankedTensorType>(load.getPast()[0].getType()).isDynamicDim(2))
      return false;
    for (Operation *user : load.getCache().getUsers())
      if (isa<qnt::CacheStoreOp>(user) && !llvm::all_of(user->getUsers(), [](Operation *out) { return isa<func::ReturnOp>(out); }))
        return false;
    return true;
  }

  /// Positions of what goes through `cache` are past + s, and every token of the past counts: what a generating program passes. Attention that
  /// keeps no state has its mask and the starts of its rows still.
  static void forgetRows(Value cache) {
    for (Operation *user : cache.getUsers()) {
      llvm::TypeSwitch<Operation *>(user).Case<qnt::KvUpdateOp, qnt::AttentionOp, qnt::CacheStoreOp>([](auto op) { op.getStartsMutable().clear(); });
      if (auto attention = dyn_cast<qnt::AttentionOp>(user)) {
        if (isa_and_nonnull<BlockArgument>(attention.getKeyMask()))
          attention.getKeyMaskMutable().clear();
        forgetPositions(attention.getQuery());
      } else if (auto update = dyn_cast<qnt::KvUpdateOp>(user)) {
        forgetPositions(update.getKey());
      }
    }
  }

  /// Makes the positions of the rotary embeddings in `value`, a query or key, consecutive. What a linear layer or attention gives has none.
  static void forgetPositions(Value value) {
    SmallVector<Value> work{value};
    llvm::DenseSet<Value> seen;
    while (!work.empty()) {
      Value at = work.pop_back_val();
      Operation *op = at.getDefiningOp();
      if (!op || !seen.insert(at).second || isa<qnt::MatmulOp, qnt::AttentionOp>(op))
        continue;
      auto rotary = dyn_cast<qnt::RotaryOp>(op);
      if (!rotary) {
        llvm::append_range(work, op->getOperands());
        continue;
      }
      Value positions = rotary.getPositions();
      auto counted = positions.getDefiningOp<qnt::PositionsOp>();
      if (!isa<BlockArgument>(positions) && !(counted && counted.getStarts()))
        continue;
      OpBuilder b(op);
      Value past = counted ? counted.getPast() : Value(qnt::DimOp::create(b, op->getLoc(), b.getIndexType(), b.getStringAttr("past")));
      rotary.getPositionsMutable().assign(qnt::PositionsOp::create(b, op->getLoc(), positions.getType(), past, Value()));
    }
  }

  Type elementType() {
    Builder b(&getContext());
    return llvm::StringSwitch<Type>(element)
        .Case("f32", b.getF32Type())
        .Case("f16", b.getF16Type())
        .Case("i8", b.getI8Type())
        .Case("i4", b.getI4Type())
        .Default({});
  }

  /// Codes are for caches that the program keeps: what callers hold are floats, and what is asked for is not quietly left out.
  LogicalResult checkQuantizable(func::FuncOp main) {
    if (!isa<IntegerType>(elementType()))
      return success();
    auto status = main.walk([&](qnt::CacheLoadOp load) {
      int64_t headDim = load.getCache().getType().getHeadDim();
      if (load.getPast().empty())                      // of one call, as exact as its products
        return WalkResult::advance();
      if (!isState(load)) {
        load.emitError() << "keys and values stay inputs and outputs, which are floats: they cannot be kept as " << element << " [kv-bits]";
        return WalkResult::interrupt();
      }
      if (element == "i4" && headDim % 2) {
        load.emitError() << "a head has " << headDim << " channels, and two codes of 4 bits share a byte [kv-bits]";
        return WalkResult::interrupt();
      }
      return WalkResult::advance();
    });
    return failure(status.wasInterrupted());
  }

  void makeState(func::FuncOp main) {
    Block &body = main.getBody().front();
    SmallVector<qnt::CacheLoadOp> loads;
    main.walk([&](qnt::CacheLoadOp load) {
      if (isState(load))
        loads.push_back(load);
    });
    if (loads.empty())
      return;
    OpBuilder b(&getContext());
    BitVector results(main.getNumResults()), arguments;
    SmallVector<Value> states;
    for (size_t i = 0; i < loads.size(); ++i) {
      qnt::CacheLoadOp load = loads[i];
      auto was = cast<qnt::CacheType>(load.getCache().getType());
      auto type = qnt::CacheType::get(&getContext(), was.getKvHeads(), was.getHeadDim(), elementType());
      auto name = [&](unsigned k) {
        auto attribute = main.getArgAttrOfType<StringAttr>(cast<BlockArgument>(load.getPast()[k]).getArgNumber(), "qnt.name");
        return attribute ? attribute.getValue() : StringRef();
      };
      StringRef key = name(0), value = name(1); // "past_key_values.0.key" and ".value": the layer's name is what they share
      size_t common = 0;
      while (common < std::min(key.size(), value.size()) && key[common] == value[common])
        ++common;
      auto attributes = b.getDictionaryAttr({b.getNamedAttr("qnt.name", b.getStringAttr(key.take_front(common).rtrim("._/"))), b.getNamedAttr("qnt.role", b.getStringAttr("state")),
                                             b.getNamedAttr("qnt.state", b.getI64IntegerAttr(int64_t(i)))});
      if (failed(main.insertArgument(main.getNumArguments(), type, attributes, load.getLoc())))
        return signalPassFailure();
      Value cache = body.getArguments().back();
      for (Operation *user : llvm::make_early_inc_range(load.getCache().getUsers()))
        if (auto store = dyn_cast<qnt::CacheStoreOp>(user))
          for (Value present : store->getResults())
            for (OpOperand &use : present.getUses())
              results.set(use.getOperandNumber());
      load.getCache().replaceAllUsesWith(cache);
      states.push_back(cache);
    }
    for (Value cache : states)
      forgetRows(cache);
    Operation *end = body.getTerminator();
    for (unsigned i = end->getNumOperands(); i-- > 0;)
      if (results.test(i))
        end->eraseOperand(i);
    if (failed(main.eraseResults(results)))
      return signalPassFailure();
    SmallVector<Operation *> dead(loads.begin(), loads.end());
    main.walk([&](qnt::CacheStoreOp store) {
      if (store->use_empty())
        dead.push_back(store);
    });
    for (Operation *op : llvm::reverse(dead))
      op->erase();
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(body))) // what counted the rows' tokens in the mask
      if (isOpTriviallyDead(&op))
        op.erase();
    arguments.resize(main.getNumArguments());
    for (BlockArgument argument : body.getArguments())
      if (argument.use_empty())
        arguments.set(argument.getArgNumber());
    if (failed(main.eraseArguments(arguments)))
      return signalPassFailure();
  }

  /// The longest context: asked for, or what the model's rotary tables have. Tables that are computed follow it.
  LogicalResult settleContext(func::FuncOp main) {
    SymbolTable symbols(getOperation());
    int64_t rows = 0, computed = 0;
    Operation *table = nullptr;
    main.walk([&](qnt::RotaryOp rotary) {
      for (Value side : {rotary.getCos(), rotary.getSin()}) {
        auto weight = side.getDefiningOp<qnt::WeightOp>();
        auto decl = weight ? symbols.lookup<qnt::WeightDeclOp>(weight.getDecl()) : qnt::WeightDeclOp();
        if (!decl)
          continue;
        int64_t have = cast<ShapedType>(weight.getType()).getDimSize(0);
        bool isComputed = llvm::all_of(decl.getParts().getAsRange<qnt::PartAttr>(), [](qnt::PartAttr part) { return bool(part.getRotary()); });
        int64_t &smallest = isComputed ? computed : rows;
        if (!smallest || have < smallest)
          smallest = have, table = isComputed ? table : decl;
      }
    });
    int64_t context = maxContext > 0 ? int64_t(maxContext) : rows ? rows : computed ? computed : 4096;
    for (int64_t limit : {rows, computed})
      if (limit && context > limit) {
        InFlightDiagnostic error = main.emitError() << "max-context is " << context << ", but the model's rotary tables have " << limit << " positions [max-context]";
        if (table)
          error.attachNote(table->getLoc()) << "the table is here";
        return error;
      }
    getOperation()->setAttr("qnt.max_context", Builder(&getContext()).getI64IntegerAttr(context));
    return success();
  }
};
} // namespace
