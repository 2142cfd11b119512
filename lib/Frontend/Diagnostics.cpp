// Prints diagnostics in the form that users of ONNX files read: file, node, operator, message, rule.
#include "qcc/Frontend/Diagnostics.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/raw_ostream.h"
#include <algorithm>
using namespace mlir;

static constexpr size_t longestName = 200; // a name may be a megabyte

Location qcc::onnxLocation(MLIRContext *context, StringRef file, StringRef kind, StringRef name, int64_t index) {
  unsigned line = static_cast<unsigned>(std::clamp<int64_t>(index, 0, UINT32_MAX));
  Location parts[] = {NameLoc::get(StringAttr::get(context, name)), FileLineColLoc::get(context, file, line, 0)};
  return FusedLoc::get(parts, StringAttr::get(context, kind), context);
}

Location qcc::onnxLocation(MLIRContext *context, StringRef file) {
  return FusedLoc::get({FileLineColLoc::get(context, file, 0, 0)}, StringAttr::get(context, "file"), context);
}

namespace {
/// What a location says about the ONNX file; no file: it says nothing.
struct Origin {
  StringRef file, kind, name;
};
} // namespace

/// The first ONNX origin inside `location`: passes fuse the locations of what they merge.
static Origin findOrigin(Location location) {
  Origin origin;
  location->walk([&](Location inner) {
    auto fused = dyn_cast<FusedLoc>(inner);
    auto kind = fused ? dyn_cast_if_present<StringAttr>(fused.getMetadata()) : StringAttr();
    if (!kind)
      return WalkResult::advance();
    for (Location part : fused.getLocations()) {
      if (auto name = dyn_cast<NameLoc>(part))
        origin.name = name.getName().getValue();
      else if (auto file = dyn_cast<FileLineColLoc>(part))
        origin.file = file.getFilename().getValue();
    }
    origin.kind = kind.getValue();
    return origin.file.empty() ? WalkResult::advance() : WalkResult::interrupt();
  });
  return origin;
}

static void printName(raw_ostream &out, StringRef name) {
  out.write_escaped(name.take_front(longestName));
  if (name.size() > longestName)
    out << "...";
}

static void printSubject(raw_ostream &out, const Origin &origin) {
  printName(out, origin.file);
  if (origin.kind != "file") {
    bool isNode = origin.kind.contains(" v");
    out << ": " << (isNode ? "node" : origin.kind) << " '";
    printName(out, origin.name);
    out << "'";
    if (isNode) {
      out << " (";
      printName(out, origin.kind);
      out << ")";
    }
  }
  out << ": ";
}

static StringRef severity(Diagnostic &diagnostic) {
  switch (diagnostic.getSeverity()) {
  case DiagnosticSeverity::Note:
    return "note";
  case DiagnosticSeverity::Warning:
    return "warning";
  case DiagnosticSeverity::Error:
    return "error";
  case DiagnosticSeverity::Remark:
    return "remark";
  }
  llvm_unreachable("all severities are handled");
}

/// A place that is not of an ONNX file.
static void printPlace(raw_ostream &out, Location location) {
  if (auto place = dyn_cast<FileLineColLoc>(location)) {
    printName(out, place.getFilename().getValue());
    if (place.getLine())                               // 0: the file as a whole
      out << ":" << place.getLine() << ":" << place.getColumn();
    out << ": ";
  } else if (!isa<UnknownLoc>(location)) {
    out << location << ": ";
  }
}

void qcc::printDiagnostic(raw_ostream &out, Diagnostic &diagnostic) {
  Origin origin = findOrigin(diagnostic.getLocation());
  if (!origin.file.empty())
    printSubject(out, origin);
  else
    printPlace(out, diagnostic.getLocation());
  out << severity(diagnostic) << ": " << diagnostic << "\n";
  for (Diagnostic &note : diagnostic.getNotes()) {
    Origin other = findOrigin(note.getLocation());
    out << "  ";
    if (!other.file.empty() && (other.name != origin.name || other.kind != origin.kind))
      printSubject(out, other);
    out << "note: " << note << "\n";
  }
}

std::string qcc::onnxNode(Location location) {
  Origin origin = findOrigin(location);
  if (!origin.kind.contains(" v"))
    return "(no node)";
  std::string text;
  llvm::raw_string_ostream out(text);
  out << "'";
  printName(out, origin.name);
  out << "' (";
  printName(out, origin.kind);
  out << ")";
  return text;
}
