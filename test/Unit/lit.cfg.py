# GoogleTest programs, which lie in the build tree.
import lit.formats

config.name = "qcc-unit"
config.suffixes = []
config.test_source_root = config.test_exec_root = config.unit_dir
config.test_format = lit.formats.GoogleTest(".", "Test")
