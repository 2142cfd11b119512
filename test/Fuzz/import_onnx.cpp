// libFuzzer target: any bytes as an ONNX model. A crash, a sanitizer report or a refusal without a diagnostic is a bug of the importer.
#include "qcc/Frontend/Diagnostics.h"
#include "qcc/Frontend/ImportONNX.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Verifier.h"
#include "llvm/Support/raw_ostream.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  // A context for each input: attributes live as long as their context. Single-threaded: no thread pool to start each time.
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  size_t errors = 0;
  std::string text;
  context.getDiagEngine().registerHandler([&](mlir::Diagnostic &diagnostic) {
    llvm::raw_string_ostream out(text);
    qcc::printDiagnostic(out, diagnostic);
    errors += diagnostic.getSeverity() == mlir::DiagnosticSeverity::Error;
    return mlir::success();
  });
  qcc::ImportOptions options;
  options.limits.nodes = 2000;
  options.limits.graphBytes = 1 << 20;
  auto buffer = llvm::MemoryBuffer::getMemBuffer(llvm::StringRef(reinterpret_cast<const char *>(data), size), "fuzz", /*RequiresNullTerminator=*/false);
  qcc::ImportedModel imported = qcc::importONNX(std::move(buffer), "fuzz.onnx", "", context, options);
  bool accepted = static_cast<bool>(imported.module);
  if (accepted != (imported.code == qcc::ExitSuccess) || accepted == (errors != 0) || imported.code == qcc::ExitInternal)
    __builtin_trap();
  if (accepted && failed(mlir::verify(*imported.module)))
    __builtin_trap();
  return 0;
}
