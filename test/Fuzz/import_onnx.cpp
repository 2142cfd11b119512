// libFuzzer target: any bytes as an ONNX model. A crash, a sanitizer report, a refusal without a diagnostic or an input that takes long is a bug of the
// importer. Long is measured in processor time (QCC_FUZZ_SECONDS, 25 by default; an input takes well under one): libFuzzer's own -timeout counts what
// other programs take from this one, too.
#include "qcc/Frontend/Diagnostics.h"
#include "qcc/Frontend/ImportONNX.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Verifier.h"
#include "llvm/Support/raw_ostream.h"
#include <csignal>
#include <cstdlib>
#include <sys/time.h>
#include <unistd.h>

namespace {
/// Ends the program like a crash, for libFuzzer to keep the input, when more processor time than the limit is used while the object lives.
struct TimeLimit {
  TimeLimit() {
    static const bool installed = std::signal(SIGPROF, tooLong) != SIG_ERR;
    static const char *given = std::getenv("QCC_FUZZ_SECONDS");
    static const double seconds = given ? std::atof(given) : 25;
    if (!installed)
      __builtin_trap();
    arm(seconds);
  }
  ~TimeLimit() { arm(0); }

private:
  static void arm(double seconds) {
    auto whole = static_cast<time_t>(seconds);
    itimerval limit = {{0, 0}, {whole, static_cast<suseconds_t>((seconds - static_cast<double>(whole)) * 1e6)}};
    setitimer(ITIMER_PROF, &limit, nullptr);
  }
  static void tooLong(int) {
    static const char message[] = "qcc-fuzz: the input takes too much processor time\n";
    (void)!write(STDERR_FILENO, message, sizeof message - 1);
    std::abort();
  }
};
} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  TimeLimit limit;
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
