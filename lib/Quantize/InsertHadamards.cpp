// Rotates the inputs of linear layers that no weight makes: by a Hadamard matrix when the program runs, and by the columns of the weight behind it.
#include "Callers.h"
#include "dialects/Quant/Hadamard.h"
#include "dialects/Quant/Quant.h"
#include "qcc/Quantize/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/SymbolTable.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"
namespace qcc {
#define GEN_PASS_DEF_INSERTHADAMARDS
#include "qcc/Quantize/Passes.h.inc"
} // namespace qcc
using namespace mlir;
using namespace qcc;

static constexpr int64_t fewest = 16;  // channels that are worth mixing

static int64_t channels(Value value) { return cast<RankedTensorType>(value.getType()).getShape().back(); }

/// Whether `matmul` reads what something that is not linear makes, in as many channels as pay.
static bool readsActivations(qnt::MatmulOp matmul) {
  Value input = matmul.getInput();
  return isa_and_nonnull<qnt::GluOp, qnt::ActivateOp, arith::MulFOp>(input.getDefiningOp()) && !ShapedType::isDynamic(channels(input)) &&
         qnt::hadamardBlock(channels(input)) >= fewest;
}

namespace {
/// The linear layers of a program that a weight's values reach, seen through calls.
struct Readers {
  llvm::SmallPtrSet<Operation *, 2> matmuls;
  bool isAll = true;             // no one else does
};

struct InsertHadamards : qcc::impl::InsertHadamardsBase<InsertHadamards> {
  void runOnOperation() override {
    findReaders();
    llvm::SetVector<Operation *> wanted;
    Callers callers(getOperation());
    auto isDeclared = [](Value weight) { return bool(weight.getDefiningOp<qnt::WeightOp>()); };
    getOperation().walk([&](qnt::MatmulOp matmul) {
      if (readsActivations(matmul) && callers.always(matmul.getWeight(), isDeclared))
        wanted.insert(matmul);
    });
    // A layer that is called with several weights is rotated if all of them can be, and a weight if all of its readers are.
    for (bool changes = true; changes;) {
      changes = false;
      for (auto &[decl, readers] : byWeight)
        if (!suits(decl, readers, wanted))
          for (Operation *matmul : readers.matmuls)
            changes |= wanted.remove(matmul);
    }
    insert(wanted);
  }

private:
  void findReaders() {
    SymbolTable symbols(getOperation());
    getOperation().walk([&](qnt::WeightOp weight) {
      auto decl = symbols.lookup<qnt::WeightDeclOp>(weight.getDecl());
      follow(weight.getResult(), symbols, byWeight[decl]);
    });
  }

  static void follow(Value value, SymbolTable &symbols, Readers &readers) {
    for (OpOperand &use : value.getUses()) {
      auto matmul = dyn_cast<qnt::MatmulOp>(use.getOwner());
      auto call = dyn_cast<func::CallOp>(use.getOwner());
      auto callee = call ? symbols.lookup<func::FuncOp>(call.getCallee()) : func::FuncOp();
      if (matmul && &use == &matmul.getWeightMutable())
        readers.matmuls.insert(matmul);
      else if (callee && callee.isPrivate() && !callee.isExternal())
        follow(callee.getArgument(use.getOperandNumber()), symbols, readers);
      else
        readers.isAll = false;
    }
  }

  static bool suits(Operation *op, const Readers &readers, const llvm::SetVector<Operation *> &wanted) {
    auto decl = cast<qnt::WeightDeclOp>(op);
    return readers.isAll && !decl.arrivesQuantized() && !decl.getColumnRotation() && !decl.getColumnGains() && !decl.getColumnFactors() &&
           llvm::all_of(readers.matmuls, [&](Operation *matmul) { return wanted.contains(matmul); });
  }

  void insert(const llvm::SetVector<Operation *> &wanted) {
    llvm::DenseMap<Value, Value> rotated;
    for (Operation *op : wanted) {
      auto matmul = cast<qnt::MatmulOp>(op);
      Value input = matmul.getInput(), &known = rotated[input];
      if (!known) {
        OpBuilder b(&getContext());
        b.setInsertionPointAfterValue(input);
        known = qnt::HadamardOp::create(b, matmul.getLoc(), input.getType(), input, b.getI64IntegerAttr(qnt::hadamardBlock(channels(input))));
        ++numInserted;
      }
      matmul.getInputMutable().assign(known);
    }
    for (auto &[op, readers] : byWeight)
      if (!readers.matmuls.empty() && llvm::all_of(readers.matmuls, [&](Operation *matmul) { return wanted.contains(matmul); })) {
        auto decl = cast<qnt::WeightDeclOp>(op);
        int64_t columns = cast<RankedTensorType>(decl.getType()).getShape().back();
        decl.setColumnRotationAttr(qnt::RotationAttr::get(&getContext(), qnt::hadamardBlock(columns), 0));
      }
  }

  llvm::MapVector<Operation *, Readers> byWeight;  // by declaration
};
} // namespace
