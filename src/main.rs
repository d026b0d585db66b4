fn main() -> std::process::ExitCode {
    secure_payment::cli::main()
}
