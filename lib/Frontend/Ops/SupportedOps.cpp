// The rows of the operator tables, as a page and as names.
#include "qcc/Frontend/SupportedOps.h"
#include "lib/Frontend/Ops/GenericOps.h"
#include <map>
#include <set>
using namespace qcc;
using namespace qcc::frontend;

std::vector<std::string> qcc::supportedOps(llvm::StringRef domain) {
  std::set<std::string> names;
  for (llvm::ArrayRef<FusedRow> family : fusedFamilies())
    for (const FusedRow &row : family)
      if (row.domain == domain)
        names.insert(row.op.str());
  for (llvm::ArrayRef<GenericRow> family : genericFamilies())
    for (const GenericRow &row : family)
      if (row.domain == domain)
        names.insert(row.op.str());
  return {names.begin(), names.end()};
}

void qcc::printSupportedOps(llvm::raw_ostream &out) {
  // (domain, operator) -> (since, how); the earliest version of each kind of row.
  std::map<std::pair<std::string, std::string>, std::map<std::string, int64_t>> found;
  auto add = [&](llvm::StringRef domain, llvm::StringRef op, int64_t since, llvm::StringRef how) {
    auto [it, isNew] = found[{domain.str(), op.str()}].try_emplace(how.str(), since);
    it->second = std::min(it->second, since);
  };
  for (llvm::ArrayRef<FusedRow> family : fusedFamilies())
    for (const FusedRow &row : family)
      add(row.domain, row.op, row.since, "qnt");
  for (llvm::ArrayRef<GenericRow> family : genericFamilies())
    for (const GenericRow &row : family)
      add(row.domain, row.op, row.since, "generic");
  out << "# Supported ONNX operators\n\n"
         "Printed by `qcc --print-operators`; a test keeps this page equal to it. *qnt*: becomes an operation of the `qnt` dialect, which has kernels\n"
         "of its own. *generic*: becomes linalg, tensor and arith; subgraphs of such operators are recovered as `qnt` operations where they compute one\n"
         "(linear layer, embedding, norm, activation, rotary embedding, attention). Versions are those of the operator, not of the model's opset.\n"
         "An operator that is not here and that ONNX defines by others (Elu, Softplus, ReduceL2, HardSwish, ...) is expanded into them.\n\n"
         "| operator | domain | since | becomes |\n|---|---|---|---|\n";
  for (auto &[key, kinds] : found)
    for (auto &[how, since] : kinds)
      out << "| " << key.second << " | " << (key.first.empty() ? "ai.onnx" : key.first) << " | " << since << " | " << how << " |\n";
}
