// Multiplies the residual stream by an orthogonal matrix, which RMS norms and sums do not notice: what writes the stream and what reads it is
// multiplied as well, in the declarations of the weights. Layers are outlined, and may be cut anywhere: a copy of the program in which all calls are
// inlined says what is part of the stream.
#include "InlinedCopy.h"
#include "WeightUses.h"
#include "dialects/Quant/Hadamard.h"
#include "dialects/Quant/Quant.h"
#include "qcc/Quantize/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/SymbolTable.h"
#include "llvm/ADT/SetVector.h"
namespace qcc {
#define GEN_PASS_DEF_ROTATERESIDUALS
#include "qcc/Quantize/Passes.h.inc"
} // namespace qcc
using namespace mlir;
using namespace qcc;

static constexpr llvm::StringLiteral rule = " [rotate-residuals]";

/// What becomes of one weight.
namespace {
struct Change {
  int64_t rows = 0, columns = 0;  // channels of the stream that its rows write, its columns read; 0: they do not
  ArrayAttr gains = {};           // of the norm in front of its columns, or null
  bool becomesOne = false;        // a norm's scale, which is in the columns behind it
  bool operator==(const Change &other) const {
    return rows == other.rows && columns == other.columns && gains == other.gains && becomesOne == other.becomesOne;
  }
};

class StreamFinder {
public:
  explicit StreamFinder(ModuleOp module) : flat(inlinedCopy(module)), symbols(module) {
    flat->walk([&](qnt::WeightOp weight) {
      for (OpOperand &use : weight->getUses())
        uses[weight.getDeclAttr().getAttr()].push_back(use.getOwner());
    });
  }

  /// What becomes of the weights that write and read streams. Fails after a diagnostic.
  FailureOr<llvm::MapVector<Operation *, Change>> find() {
    flat->walk([&](qnt::GatherOp gather) {
      if (llvm::any_of(gather->getUsers(), [](Operation *user) { return isa<arith::AddFOp, qnt::NormOp, qnt::MatmulOp>(user); }))
        stream.insert(gather.getResult());
    });
    if (stream.empty())
      return flat->emitError() << "no embedding table begins a residual stream that could be rotated" << rule, failure();
    for (size_t i = 0; i < stream.size(); ++i)           // it grows
      if (failed(follow(stream[i])))
        return failure();
    for (auto &[decl, change] : changes)
      for (Operation *user : uses.lookup(cast<qnt::WeightDeclOp>(decl).getSymNameAttr()))
        if (!known[decl].contains(user))
          return refuse(decl, "'" + cast<qnt::WeightDeclOp>(decl).getSymName() + "' has other users", {user, "this reads it"});
    return std::move(changes);
  }

private:
  struct Note {
    Operation *at;
    StringRef text;
  };
  /// Operations are named by their locations, which know the node: most nodes are a `linalg.generic` by now.
  static LogicalResult refuse(Operation *at, const Twine &why, Note note = {}) {
    InFlightDiagnostic error = at->emitError();
    error << "the residual stream cannot be rotated: " << why << rule;
    if (note.at)
      error.attachNote(note.at->getLoc()) << note.text;
    return error;
  }

  /// The declaration of a weight whose values are floats that nothing changes yet. Null after a diagnostic.
  qnt::WeightDeclOp plainWeight(Value value, Operation *user) {
    auto weight = value.getDefiningOp<qnt::WeightOp>();
    if (!weight)
      return (void)refuse(user, "a weight is computed at run time"), qnt::WeightDeclOp();
    auto decl = symbols.lookup<qnt::WeightDeclOp>(weight.getDecl());
    std::string name = "'" + decl.getSymName().str() + "'";
    if (decl.arrivesQuantized())
      return (void)refuse(decl, name + " arrives quantized"), qnt::WeightDeclOp();
    if (decl.isChanged())
      return (void)refuse(decl, name + " is scaled or rotated already"), qnt::WeightDeclOp();
    return decl;
  }

  LogicalResult change(Value weight, Operation *user, const Change &how) {
    qnt::WeightDeclOp decl = plainWeight(weight, user);
    if (!decl)
      return failure();
    auto [known, isFirst] = changes.insert({decl, how});
    if (!isFirst && !(known->second == how))
      return refuse(decl, "'" + decl.getSymName() + "' is used in two ways, which would rotate it differently");
    this->known[decl].insert(user);
    return success();
  }

  static int64_t channels(Value value) { return cast<RankedTensorType>(value.getType()).getShape().back(); }

  /// What makes the value, and what reads it.
  LogicalResult follow(Value value) {
    if (ShapedType::isDynamic(channels(value)))
      return refuse(value.getDefiningOp(), "only a run tells how many channels it has");
    if (failed(followBack(value, value.getDefiningOp())))
      return failure();
    for (Operation *user : value.getUsers())
      if (failed(followOn(value, user)))
        return failure();
    return success();
  }

  LogicalResult followBack(Value value, Operation *op) {
    int64_t n = channels(value);
    if (!op)
      return refuse(value.getParentRegion()->getParentOp(), "a part of it comes from outside of the program");
    if (auto gather = dyn_cast<qnt::GatherOp>(op))
      return change(gather.getTable(), gather, {.columns = n});
    if (auto matmul = dyn_cast<qnt::MatmulOp>(op)) {
      LogicalResult isGood = change(matmul.getWeight(), matmul, {.rows = n});
      return failed(isGood) || !matmul.getBias() ? isGood : change(matmul.getBias(), matmul, {.rows = n});
    }
    if (auto sum = dyn_cast<arith::AddFOp>(op)) {
      stream.insert(sum.getLhs());
      stream.insert(sum.getRhs());
      return success();
    }
    return refuse(op, "this makes a part of it, and is no embedding, sum or linear layer");
  }

  LogicalResult followOn(Value value, Operation *user) {
    if (auto sum = dyn_cast<arith::AddFOp>(user)) {
      stream.insert(sum.getResult());
      return success();
    }
    if (auto norm = dyn_cast<qnt::NormOp>(user))
      return followNorm(norm);
    if (auto matmul = dyn_cast<qnt::MatmulOp>(user))
      return change(matmul.getWeight(), matmul, {.columns = channels(value)});
    if (user->hasTrait<OpTrait::ReturnLike>())
      return refuse(value.getDefiningOp(), "it leaves the program here");
    return refuse(user, "this reads it, and is no norm, sum or linear layer");
  }

  LogicalResult followNorm(qnt::NormOp norm) {
    if (norm.getKind() != qnt::NormKind::Rms)
      return refuse(norm, "a layer norm subtracts the mean of its channels, which a rotation moves");
    qnt::WeightDeclOp scale = plainWeight(norm.getScale(), norm);
    if (!scale || failed(change(norm.getScale(), norm, {.becomesOne = true})))
      return failure();
    for (Operation *user : norm->getUsers()) {
      auto matmul = dyn_cast<qnt::MatmulOp>(user);
      if (!matmul)
        return refuse(norm, "the scale of this norm can go into linear layers only", {user, "this reads the norm, and is none"});
      if (failed(change(matmul.getWeight(), matmul, {.columns = channels(norm.getResult()), .gains = scale.getParts()})))
        return failure();
    }
    return success();
  }

  OwningOpRef<ModuleOp> flat;
  SymbolTable symbols;                                             // of the original
  llvm::DenseMap<StringAttr, SmallVector<Operation *>> uses;       // of weights in the copy, by the name of their declaration
  llvm::SetVector<Value> stream;
  llvm::MapVector<Operation *, Change> changes;                    // by declaration
  llvm::DenseMap<Operation *, llvm::SmallPtrSet<Operation *, 2>> known;  // users that the change suits
};

/// Gives heads that share a table with an embedding a declaration of their own.
class HeadSplitter {
public:
  struct Split {
    qnt::WeightDeclOp table, head;
  };
  explicit HeadSplitter(ModuleOp module) : module(module), symbols(module) {}
  SmallVector<Split> run() {
    llvm::DenseMap<StringAttr, SmallVector<qnt::WeightOp>> values;
    module.walk([&](qnt::WeightOp weight) { values[weight.getDeclAttr().getAttr()].push_back(weight); });
    SmallVector<Split> splits;
    for (auto &[op, use] : findWeightUses(module))
      if (auto table = cast<qnt::WeightDeclOp>(op); use.gather && use.matmul && !use.other)
        if (qnt::WeightDeclOp head = split(table, values.lookup(table.getSymNameAttr())))
          splits.push_back({table, head});
    return splits;
  }

private:
  qnt::WeightDeclOp split(qnt::WeightDeclOp decl, ArrayRef<qnt::WeightOp> values) {
    qnt::WeightDeclOp own;
    for (qnt::WeightOp value : values)
      for (OpOperand &use : llvm::make_early_inc_range(value->getUses())) {
        if (!isMultiplied(use))
          continue;
        if (!own) {
          own = cast<qnt::WeightDeclOp>(decl->clone());
          own.setSymName((decl.getSymName() + ".head").str());
          symbols.insert(own, std::next(Block::iterator(decl)));   // makes the name unique
        }
        OpBuilder b(value);
        use.set(qnt::WeightOp::create(b, value.getLoc(), value.getType(), own.getSymName()));
      }
    return own;
  }
  /// Whether nothing but matmuls reads the operand, where it is passed on as well.
  bool isMultiplied(OpOperand &use) {
    if (auto matmul = dyn_cast<qnt::MatmulOp>(use.getOwner()))
      return &use == &matmul.getWeightMutable();
    auto call = dyn_cast<func::CallOp>(use.getOwner());
    auto callee = call ? symbols.lookup<func::FuncOp>(call.getCallee()) : func::FuncOp();
    return callee && !callee.isExternal() &&
           llvm::all_of(callee.getArgument(use.getOperandNumber()).getUses(), [&](OpOperand &inner) { return isMultiplied(inner); });
  }

  ModuleOp module;
  SymbolTable symbols;
};

struct RotateResiduals : qcc::impl::RotateResidualsBase<RotateResiduals> {
  using RotateResidualsBase::RotateResidualsBase;
  void runOnOperation() override {
    SmallVector<HeadSplitter::Split> splits = HeadSplitter(getOperation()).run();
    FailureOr<llvm::MapVector<Operation *, Change>> changes = StreamFinder(getOperation()).find();
    if (failed(changes))
      return signalPassFailure();
    for (auto &[table, head] : splits)                               // not before: a refusal leaves nothing split
      table.emitRemark() << "'" << table.getSymName() << "' is embedding and head; rotated they differ, and the head is kept as '" << head.getSymName() << "'" << rule;
    for (auto &[decl, change] : *changes)
      apply(cast<qnt::WeightDeclOp>(decl), change);
  }

private:
  qnt::RotationAttr rotation(int64_t channels) { return qnt::RotationAttr::get(&getContext(), qnt::hadamardBlock(channels), seed); }

  void apply(qnt::WeightDeclOp decl, const Change &change) {
    if (change.becomesOne)
      return decl.setPartsAttr(ones(cast<RankedTensorType>(decl.getType())));
    ++numRotated;
    if (change.gains)
      decl.setColumnGainsAttr(change.gains);
    if (change.columns)
      decl.setColumnRotationAttr(rotation(change.columns));
    if (change.rows)
      decl.setRowRotationAttr(rotation(change.rows));
  }

  ArrayAttr ones(RankedTensorType type) {
    Builder b(&getContext());
    auto values = DenseElementsAttr::get(type.clone(b.getF32Type()), ArrayRef(1.0f));
    return b.getArrayAttr(qnt::PartAttr::get(&getContext(), type.getDimSize(0), false, {}, {}, {}, values, {}, {}));
  }
};
} // namespace
