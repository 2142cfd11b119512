// Links the artifact with lld inside this process.
#include "qcc/Target/Link.h"
#include "lld/Common/Driver.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Parallel.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SaveAndRestore.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/TargetParser/Triple.h"
#include <mutex>
LLD_HAS_DRIVER(elf)
using namespace qcc;
using llvm::StringRef;

// Linker scripts that define what Imports.def names.
static constexpr StringRef libcSymbols =
#define QCC_LIBC(name) #name " = 0;\n"
#define QCC_LIBM(name)
#include "Imports.def"
    ;
static constexpr StringRef libmSymbols =
#define QCC_LIBC(name)
#define QCC_LIBM(name) #name " = 0;\n"
#include "Imports.def"
    ;

/// lld keeps global state: one link at a time in a process.
static llvm::Error runLld(llvm::ArrayRef<std::string> arguments) {
  static std::mutex mutex;
  std::lock_guard<std::mutex> lock(mutex);
  std::vector<const char *> raw;
  for (const std::string &argument : arguments)
    raw.push_back(argument.c_str());
  std::string errors;
  llvm::raw_string_ostream errorStream(errors);
  // The linker's --threads is a setting of the whole process: everything after it would run on one thread.
  llvm::SaveAndRestore restoreThreads(llvm::parallel::strategy);
  lld::Result result = lld::lldMain(raw, llvm::nulls(), errorStream, {{lld::Gnu, &lld::elf::link}});
  if (!result.retCode)
    return llvm::Error::success();
  // lld tells only in words that it was the disk.
  std::error_code code = llvm::inconvertibleErrorCode();
  for (std::errc full : {std::errc::no_space_on_device, std::errc::file_too_large})
    if (std::error_code candidate = std::make_error_code(full); StringRef(errors).contains(candidate.message()))
      code = candidate;
  return llvm::createStringError(code, "linking failed: " + StringRef(errors).trim());
}

static llvm::Error writeFile(StringRef path, StringRef text) {
  std::error_code code;
  llvm::raw_fd_ostream out(path, code);
  if (!code) {
    out << text;
    out.close();
    code = out.error();
    out.clear_error();
  }
  return code ? llvm::createStringError(code, "cannot write '" + path + "': " + code.message()) : llvm::Error::success();
}

static llvm::Expected<std::string> emulationOf(StringRef triple) {
  StringRef name = llvm::StringSwitch<StringRef>(llvm::Triple(triple).getArchName()).Case("x86_64", "elf_x86_64").Case("aarch64", "aarch64linux").Default("");
  if (name.empty())
    return llvm::createStringError("linking for '" + triple + "' is not supported");
  return name.str();
}

llvm::Error qcc::linkObject(const LinkInputs &inputs, StringRef output) {
  std::vector<std::string> arguments = {"ld.lld", "-r", "-o", output.str(), "--threads=1"};  // for what the objects are for
  arguments.insert(arguments.end(), inputs.objects.begin(), inputs.objects.end());
  return runLld(arguments);
}

llvm::Error qcc::linkSharedLibrary(const LinkInputs &inputs, StringRef output) {
  auto scratch = [&](StringRef name) {
    llvm::SmallString<128> path(inputs.scratch);
    llvm::sys::path::append(path, name);
    return path.str().str();
  };
  auto emulation = emulationOf(inputs.triple);
  if (!emulation)
    return emulation.takeError();

  std::string exports = scratch("exports.map");
  if (llvm::Error error = writeFile(exports, "{ global: qcc_*; local: *; };\n"))
    return error;
  // Stand-ins with the libraries' names make them needed and say which symbols they have; these are unversioned, so any glibc resolves them.
  std::vector<std::string> needed;
  for (auto [name, symbols] : {std::pair<StringRef, StringRef>("libm.so.6", libmSymbols), std::pair<StringRef, StringRef>("libc.so.6", libcSymbols)}) {
    std::string script = scratch(name.str() + ".ld");
    needed.push_back(scratch(name));
    if (llvm::Error error = writeFile(script, symbols))
      return error;
    if (llvm::Error error = runLld({"ld.lld", "-m", *emulation, "-shared", "-soname", name.str(), "-o", needed.back(), script}))
      return error;
  }

  std::vector<std::string> arguments = {"ld.lld", "-m", *emulation, "-shared", "-o", output.str(), "--version-script", exports,
                                        "--no-undefined", "-z", "now", "-z", "relro", "-z", "noexecstack", "--gc-sections", "--build-id=sha1", "--hash-style=gnu", "--threads=1"};
  if (!inputs.soname.empty())
    arguments.insert(arguments.end(), {"-soname", inputs.soname});
  arguments.insert(arguments.end(), inputs.objects.begin(), inputs.objects.end());
  if (!inputs.runtimeArchive.empty())
    arguments.insert(arguments.end(), {"--whole-archive", inputs.runtimeArchive, "--no-whole-archive"});
  arguments.insert(arguments.end(), needed.begin(), needed.end());
  return runLld(arguments);
}
