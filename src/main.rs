//! The program's entry: hands the arguments to the command line and exits with its status. Knows nothing else.

fn main() -> std::process::ExitCode {
    faultline::cli::main()
}
