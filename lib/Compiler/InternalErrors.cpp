// Crash handling and reproducers. LLVM's own signal handler ends the process when a second thread crashes meanwhile; the one below does not.
#include "lib/Compiler/InternalErrors.h"
#include "qcc/Base/ExitCodes.h"
#include "qcc/Compiler/Driver.h"
#include "mlir/IR/AsmState.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/PrettyStackTrace.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/Signals.h"
#include "llvm/Support/raw_ostream.h"
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <new>
#include <unistd.h>
using namespace mlir;
using namespace qcc;

namespace {
std::string commandLine, currentWork = "starting", scratchFolder, mappedOutput;
std::atomic<const Reproducer *> active = nullptr;
void *reserve = nullptr;                               // freed when memory is exhausted, so that cleaning up has some

void removeTemporaries() {
  llvm::sys::RunInterruptHandlers();                   // the files of OutputFiles
  if (!scratchFolder.empty())
    llvm::sys::fs::remove_directories(scratchFolder);
}

timer_t watchdog;                                      // not alarm(): LLVM's handlers end that
thread_local bool reporting = false;                   // this thread tells about a crash
constexpr int crashes[] = {SIGSEGV, SIGABRT, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS};

void onCrash(int signal) {
  static std::atomic_flag first = ATOMIC_FLAG_INIT;
  if (reporting)                                       // what is done below crashed too
    _exit(ExitInternal);
  if (first.test_and_set())                            // another thread is at it
    for (;;)
      pause();
  reporting = true;
  if (signal == SIGBUS && !mappedOutput.empty()) {     // a page of the file got no block
    llvm::errs() << "qcc: error: cannot write '" << mappedOutput << "': " << std::make_error_code(std::errc::no_space_on_device).message() << "\n";
    removeTemporaries();
    _exit(ExitResource);
  }
  std::signal(SIGALRM, [](int) { _exit(ExitInternal); });
  constexpr itimerspec limit = {{0, 0}, {20, 0}};      // the crash may have happened with a lock held that is needed below
  timer_settime(watchdog, 0, &limit, nullptr);
  llvm::sys::RunSignalHandlers();                      // LLVM's print the stack
  llvm::errs() << "qcc: internal compiler error: crashed while " << currentWork << "\n";
  if (const Reproducer *reproducer = active)
    reproducer->write();
  else
    llvm::errs() << "  note: rerun with: " << commandLine << "\n";
  removeTemporaries();
  _exit(ExitInternal);
}

[[noreturn]] void onExhaustion() {
  std::free(reserve);
  static const char message[] = "qcc: error: out of memory [resource-limit]\n";
  (void)!::write(STDERR_FILENO, message, sizeof message - 1);
  removeTemporaries();
  _exit(ExitResource);
}

void onInterrupt(int signal) {
  std::signal(signal, SIG_DFL);                        // the next one ends the process at once
  std::signal(SIGALRM, SIG_DFL);
  alarm(5);                                            // this thread may hold a lock that is needed below
  removeTemporaries();
  raise(signal);                                       // delivered when this returns
}
constexpr int interrupts[] = {SIGHUP, SIGINT, SIGTERM};
} // namespace

std::vector<int> qcc::ignoredInterrupts() {
  std::vector<int> ignored;
  for (int signal : interrupts)
    if (struct sigaction action; sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN)
      ignored.push_back(signal);
  return ignored;
}

void qcc::handleSignals(int argc, const char *const *argv, llvm::ArrayRef<int> ignored) {
  llvm::raw_string_ostream out(commandLine);
  for (int i = 0; i < argc; ++i) {
    out << (i ? " " : "");
    llvm::sys::printArg(out, argv[i], /*Quote=*/false);
  }
  llvm::setBugReportMsg("");                           // LLVM's asks to write to LLVM
  useSignalStack();
  sigevent event = {};
  event.sigev_notify = SIGEV_SIGNAL;
  event.sigev_signo = SIGALRM;
  timer_create(CLOCK_MONOTONIC, &event, &watchdog);
  struct sigaction action = {};
  action.sa_handler = onCrash;
  action.sa_flags = SA_ONSTACK | SA_NODEFER;
  for (int signal : crashes)
    sigaction(signal, &action, nullptr);
  for (int signal : interrupts)
    std::signal(signal, llvm::is_contained(ignored, signal) ? SIG_IGN : onInterrupt);
  reserve = std::malloc(1 << 20);
  std::set_new_handler(onExhaustion);
  llvm::install_bad_alloc_error_handler([](void *, const char *, bool) { onExhaustion(); });
}

void qcc::useSignalStack() {
  static constexpr size_t size = 256 << 10;
  struct Stack {
    Stack() : memory(std::make_unique<char[]>(size)) {
      stack_t stack = {memory.get(), 0, size};
      sigaltstack(&stack, nullptr);
    }
    ~Stack() {
      stack_t none = {nullptr, SS_DISABLE, 0};
      sigaltstack(&none, nullptr);
    }
    std::unique_ptr<char[]> memory;
  };
  thread_local Stack stack;
}

void qcc::setCurrentWork(llvm::StringRef what) { currentWork = what.str(); }
void qcc::setMappedOutput(llvm::StringRef path) { mappedOutput = path.str(); }
void qcc::setScratchFolder(llvm::StringRef path) { scratchFolder = path.str(); }

// Printed now: in a crash, locks may be held and threads stuck that printing needs.
Reproducer::Reproducer(PassManager &passes, ModuleOp module, std::string path, std::string plugins) : path(std::move(path)), plugins(std::move(plugins)) {
  std::string pipeline;
  llvm::raw_string_ostream pipelineOut(pipeline);
  passes.printAsTextualPipeline(pipelineOut);
  AsmState state(module, OpPrintingFlags().assumeVerified().enableDebugInfo());
  state.attachResourcePrinter("mlir_reproducer", [&](Operation *, AsmResourceBuilder &builder) {
    builder.buildString("pipeline", pipeline);
    builder.buildBool("disable_threading", !module.getContext()->isMultithreadingEnabled());
    builder.buildBool("verify_each", true);
  });
  llvm::raw_string_ostream out(text);
  module->print(out, state);
  active = this;
}
Reproducer::~Reproducer() { active = nullptr; }

void Reproducer::write() const {
  std::error_code code;
  llvm::raw_fd_ostream file(path, code);
  if (!code) {
    file << text;
    file.close();
    code = file.error();
    file.clear_error();
  }
  llvm::raw_ostream &out = llvm::errs();
  if (code) {
    out << "  note: no reproducer: cannot write '" << path << "': " << code.message() << "\n";
    return;
  }
  out << "  note: reproducer written to '" << path << "'; rerun with: qcc-opt --run-reproducer" << plugins << " ";
  llvm::sys::printArg(out, path, /*Quote=*/false);
  out << "\n";
}
