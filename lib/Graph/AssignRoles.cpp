// Names what the program's inputs, outputs and dimensions are. Everything later (state, calling convention, tools) goes by these.
#include "dialects/Quant/Quant.h"
#include "qcc/Graph/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
namespace qcc {
#define GEN_PASS_DEF_ASSIGNROLES
#include "qcc/Graph/Passes.h.inc"
} // namespace qcc
using namespace mlir;
using namespace qcc;

namespace {
struct AssignRoles : qcc::impl::AssignRolesBase<AssignRoles> {
  void runOnOperation() override {
    auto main = getOperation().lookupSymbol<func::FuncOp>("main");
    if (!main || main.isExternal())
      return;
    llvm::StringMap<std::string> canonical;
    for (BlockArgument argument : main.getArguments())
      if (StringRef role = roleOf(argument); !role.empty()) {
        main.setArgAttr(argument.getArgNumber(), "qnt.role", StringAttr::get(&getContext(), role));
        auto dims = main.getArgAttrOfType<ArrayAttr>(argument.getArgNumber(), "qnt.dims");
        auto name = [&](unsigned i, StringRef as) {
          int64_t fixed;                               // a static extent is written as its number, and is nobody's name
          if (dims && i < dims.size() && cast<StringAttr>(dims[i]).getValue().getAsInteger(10, fixed))
            canonical.try_emplace(cast<StringAttr>(dims[i]).getValue(), as);
        };
        if (role == "tokens")
          name(0, "batch"), name(1, "seq");
        else if (role == "past")
          name(2, "past");
      }
    Operation *end = main.getBody().front().getTerminator();
    for (OpOperand &operand : end->getOpOperands()) {
      unsigned i = operand.getOperandNumber();
      auto dims = main.getResultAttrOfType<ArrayAttr>(i, "qnt.dims");
      bool present = operand.get().getDefiningOp<qnt::CacheStoreOp>();
      if (present && dims && dims.size() == 4)
        canonical.try_emplace(cast<StringAttr>(dims[2]).getValue(), "total");
      StringRef role = present ? "present" : isLogits(operand.get()) ? "logits" : "output";
      main.setResultAttr(i, "qnt.role", StringAttr::get(&getContext(), role));
    }
    rename(main, canonical);
    if (std::optional<int64_t> rows = vocabulary(main))
      getOperation()->setAttr("qnt.vocabulary", Builder(&getContext()).getI64IntegerAttr(*rows));
  }

  /// What the program does with an argument.
  static StringRef roleOf(BlockArgument argument) {
    for (OpOperand &use : argument.getUses()) {
      Operation *user = use.getOwner();
      if (auto gather = dyn_cast<qnt::GatherOp>(user); gather && gather.getIds() == argument)
        return "tokens";
      if (auto rotary = dyn_cast<qnt::RotaryOp>(user); rotary && rotary.getPositions() == argument)
        return "positions";
      if (auto attention = dyn_cast<qnt::AttentionOp>(user); attention && attention.getKeyMask() == argument)
        return "mask";
      if (isa<qnt::CacheLoadOp>(user))
        return "past";
    }
    return "";
  }
  /// Scores over the vocabulary: the result of a linear layer on a program that has tokens.
  static bool isLogits(Value value) { return value.getDefiningOp<qnt::MatmulOp>() && cast<ShapedType>(value.getType()).getRank() == 3; }

  static std::optional<int64_t> vocabulary(func::FuncOp main) {
    std::optional<int64_t> rows;
    main.walk([&](qnt::GatherOp gather) {
      if (auto argument = dyn_cast<BlockArgument>(gather.getIds()); argument && !rows)
        rows = cast<ShapedType>(gather.getTable().getType()).getDimSize(0);
    });
    return rows;
  }

  void rename(func::FuncOp main, const llvm::StringMap<std::string> &canonical) {
    Builder b(&getContext());
    auto renamed = [&](StringRef name) -> std::string {
      auto it = canonical.find(name);
      if (it != canonical.end())
        return it->second;
      SmallVector<StringRef> parts;
      name.split(parts, '+');
      SmallVector<std::string> terms;
      for (StringRef part : parts) {
        auto known = canonical.find(part.trim());
        terms.push_back(known == canonical.end() ? part.trim().str() : known->second);
      }
      llvm::sort(terms);
      std::string joined = llvm::join(terms, " + ");
      return joined == "past + seq" ? "total" : joined;
    };
    auto renameAll = [&](ArrayAttr dims) {
      SmallVector<Attribute> result;
      for (Attribute dim : dims)
        result.push_back(b.getStringAttr(renamed(cast<StringAttr>(dim).getValue())));
      return b.getArrayAttr(result);
    };
    for (unsigned i = 0; i < main.getNumArguments(); ++i)
      if (auto dims = main.getArgAttrOfType<ArrayAttr>(i, "qnt.dims"))
        main.setArgAttr(i, "qnt.dims", renameAll(dims));
    for (unsigned i = 0; i < main.getNumResults(); ++i)
      if (auto dims = main.getResultAttrOfType<ArrayAttr>(i, "qnt.dims"))
        main.setResultAttr(i, "qnt.dims", renameAll(dims));
    main.walk([&](qnt::DimOp dim) {
      std::string name = renamed(dim.getName());
      dim.setName(name);
    });
  }
};
} // namespace
