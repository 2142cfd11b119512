// Each table is printed by whoever knows its rows.
#include "lib/Compiler/Tables.h"
#include "lib/Compiler/FormatTable.h"
#include "qcc/Base/TargetInfo.h"
#include "qcc/Compiler/ExtensionPoints.h"
#include "qcc/Frontend/SupportedOps.h"
#include "qcc/Quantize/Method.h"
#include "qcc/Target/Target.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
using namespace qcc;

static void printTargets(llvm::raw_ostream &out) {
  for (const Target *target : allTargets())
    for (const TargetInfo &preset : target->presets())
      out << llvm::left_justify(preset.name, 18) << preset.description << "\n";
}

void qcc::printTable(Table table, llvm::raw_ostream &out) {
  switch (table) {
  case Table::Targets:
    printTargets(out);
    return;
  case Table::Operators:
    printSupportedOps(out);
    return;
  case Table::Formats:
    printFormatTable(out);
    return;
  case Table::Methods:
    out << listMethods();
    return;
  case Table::ExtensionPoints:
    for (const ExtensionPoint &point : extensionPoints())
      out << point.name << "\t" << point.description << "\n";
    return;
  case Table::None:
    return;
  }
}
