// Names what the program's inputs, outputs and dimensions are. Everything later (state, calling convention, tools) goes by these.
#include "dialects/Quant/Quant.h"
#include "qcc/Graph/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"
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
    findTokenTable(main);
    llvm::StringMap<std::string> canonical;
    NamedAttrList fixed;
    if (auto rows = main->getAttrOfType<ArrayAttr>("qnt.rows"))  // what attention computes together; without it, what embeddings do
      for (unsigned i : {0, 1})
        identify(cast<StringAttr>(rows[i]).getValue(), i ? "seq" : "batch", canonical, fixed);
    main->removeAttr("qnt.rows");
    for (BlockArgument argument : main.getArguments())
      if (StringRef role = roleOf(argument); !role.empty()) {
        main.setArgAttr(argument.getArgNumber(), "qnt.role", StringAttr::get(&getContext(), role));
        auto dims = main.getArgAttrOfType<ArrayAttr>(argument.getArgNumber(), "qnt.dims");
        auto name = [&](unsigned i, StringRef as) {
          if (dims && i < dims.size() && (as == "past" || !isTaken(as, canonical, fixed)))
            identify(cast<StringAttr>(dims[i]).getValue(), as, canonical, fixed);
        };
        if (role == "tokens")
          name(0, "batch"), name(1, "seq");
        else if (role == "past")
          name(2, "past");
      }
    if (!fixed.empty())
      getOperation()->setAttr("qnt.fixed_dims", fixed.getDictionary(&getContext()));
    if (auto seq = fixed.get("seq"))
      fixedSeq = cast<IntegerAttr>(seq).getInt();
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
    for (BlockArgument argument : main.getArguments())   // a mask has an element for every token that is attended
      if (auto dims = main.getArgAttrOfType<ArrayAttr>(argument.getArgNumber(), "qnt.dims"); dims && dims.size() == 2 && roleOf(argument) == "mask")
        if (int64_t number; cast<StringAttr>(dims[1]).getValue().getAsInteger(10, number))
          canonical.try_emplace(cast<StringAttr>(dims[1]).getValue(), "total");
    evadeReserved(main, canonical, fixed);
    rename(main, canonical);
    if (tokenTable)
      getOperation()->setAttr("qnt.vocabulary", Builder(&getContext()).getI64IntegerAttr(rowsOf(tokenTable)));
  }

  /// `dim` is what the program calls `as`: a name, or the number of an extent that is fixed (and nobody's name). Rows of no tokens are none.
  void identify(StringRef dim, StringRef as, llvm::StringMap<std::string> &canonical, NamedAttrList &fixed) {
    int64_t extent;
    if (dim.getAsInteger(10, extent))
      canonical.try_emplace(dim, as);
    else if (extent && !fixed.get(as))
      fixed.set(as, IntegerAttr::get(IntegerType::get(&getContext(), 64), extent));
  }
  int64_t fixedSeq = 0;
  qnt::WeightOp tokenTable;                            // what tokens select from; null: no argument selects from a table

  /// Tables of segments have a row for each sentence (2 in BERT), those of learned positions one for each token of the longest input.
  static constexpr int64_t mostSegments = 16;

  /// Has the program something that it calls `as`?
  static bool isTaken(StringRef as, const llvm::StringMap<std::string> &canonical, const NamedAttrList &fixed) {
    return fixed.get(as) || llvm::any_of(canonical, [&](auto &entry) { return entry.second == as; });
  }

  /// The program's own names belong to what has the role: a dimension that the file calls so by chance gets another one. Where nothing has
  /// tokens, `batch` and `seq` of the file are as good as any.
  void evadeReserved(func::FuncOp main, llvm::StringMap<std::string> &canonical, const NamedAttrList &fixed) {
    llvm::StringSet<> names = plainNames(main);
    for (unsigned i = 0; i < main.getNumResults(); ++i)
      if (auto dims = main.getResultAttrOfType<ArrayAttr>(i, "qnt.dims"))
        for (auto dim : dims.getAsRange<StringAttr>())
          names.insert(dim.getValue());
    for (StringRef reserved : {"batch", "seq", "past", "total", "context", "keep"}) {
      bool ofRows = reserved == "batch" || reserved == "seq";
      if (!names.contains(reserved) || canonical.contains(reserved) || (ofRows && !isTaken(reserved, canonical, fixed)))
        continue;
      std::string other;
      for (int64_t i = 1; other.empty() || names.contains(other); ++i)
        other = (reserved + "_" + Twine(i)).str();
      canonical[reserved] = other;
    }
  }

  /// What the program does with an argument.
  StringRef roleOf(BlockArgument argument) {
    if (qnt::WeightOp table = tableOf(argument))
      return table.getDecl() == tokenTable.getDecl() ? "tokens" : rowsOf(table) <= mostSegments ? "segments" : "positions";
    for (OpOperand &use : argument.getUses()) {
      Operation *user = use.getOwner();
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

  /// The table that an argument's numbers select from, if it is one.
  static qnt::WeightOp tableOf(BlockArgument argument) {
    for (Operation *user : argument.getUsers())
      if (auto gather = dyn_cast<qnt::GatherOp>(user); gather && gather.getIds() == argument)
        return gather.getTable().getDefiningOp<qnt::WeightOp>();
    return {};
  }
  static int64_t rowsOf(qnt::WeightOp table) { return cast<ShapedType>(table.getType()).getDimSize(0); }

  /// The first table with a row for every score that the program returns, else the largest one: where tokens are bytes or characters, the table of
  /// learned positions is larger.
  void findTokenTable(func::FuncOp main) {
    int64_t scores = 0;
    for (Value result : main.getBody().front().getTerminator()->getOperands())
      if (isLogits(result))
        scores = cast<ShapedType>(result.getType()).getDimSize(2);
    for (BlockArgument argument : main.getArguments())
      if (qnt::WeightOp table = tableOf(argument)) {
        auto isBetter = [&](qnt::WeightOp other) { return rowsOf(table) == scores ? rowsOf(other) != scores : rowsOf(other) != scores && rowsOf(table) > rowsOf(other); };
        if (!tokenTable || isBetter(tokenTable))
          tokenTable = table;
      }
  }

  /// The names that extents of inputs have, without those that are sums of others ("past + seq").
  static llvm::StringSet<> plainNames(func::FuncOp main) {
    llvm::StringSet<> all;
    for (unsigned i = 0; i < main.getNumArguments(); ++i)
      if (auto dims = main.getArgAttrOfType<ArrayAttr>(i, "qnt.dims"))
        for (auto dim : dims.getAsRange<StringAttr>())
          all.insert(dim.getValue());
    llvm::StringSet<> plain;
    for (const auto &entry : all) {
      SmallVector<StringRef> terms;
      entry.getKey().split(terms, '+');
      int64_t number;
      auto isTerm = [&](StringRef term) { return !term.trim().getAsInteger(10, number) || all.contains(term.trim()); };
      if (terms.size() == 1 || !llvm::all_of(terms, isTerm))
        plain.insert(entry.getKey());
    }
    return plain;
  }

  /// An expression ("2*s + p", "div(s, 2)") with the names in it renamed. Names may be any text: the longest one wins.
  static std::string renameNames(StringRef text, const llvm::StringSet<> &names, const llvm::StringMap<std::string> &canonical) {
    std::string result;
    for (bool boundary = true; !text.empty();) {
      StringRef best;
      for (const auto &entry : names) {
        StringRef name = entry.getKey(), after = text.starts_with(name) ? text.drop_front(name.size()) : "!";
        if (boundary && name.size() > best.size() && (after.empty() || StringRef("*+,) ").contains(after.front())))
          best = name;
      }
      auto known = canonical.find(best);
      result += best.empty() ? text.take_front(1).str() : known == canonical.end() ? best.str() : known->second;
      text = text.drop_front(std::max<size_t>(1, best.size()));
      boundary = StringRef("*+,( ").contains(result.back());
    }
    return result;
  }

  void rename(func::FuncOp main, const llvm::StringMap<std::string> &canonical) {
    Builder b(&getContext());
    llvm::StringSet<> names = plainNames(main);
    auto renamed = [&](StringRef name) -> std::string {
      auto it = canonical.find(name);
      if (it != canonical.end())
        return it->second;
      std::string text = renameNames(name, names, canonical);
      SmallVector<StringRef> terms;
      StringRef(text).split(terms, '+');
      for (StringRef &term : terms)
        term = term.trim();
      llvm::sort(terms);
      std::string number = std::to_string(fixedSeq);
      bool isTotal = terms.size() == 2 && (terms == ArrayRef<StringRef>{"past", "seq"} || (fixedSeq && terms == ArrayRef<StringRef>{number, "past"}));
      return isTotal ? "total" : text;
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
