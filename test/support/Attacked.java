import java.net.Socket;

/** Does its work, and then, with the argument `attacked`, what an attacker would make it do. Usage: Attacked [attacked] */
class Attacked {
    public static void main(String[] parameters) throws Exception {
        System.out.println("hello from Java");
        if (parameters.length == 0) return;
        attempt("run a program", () -> new ProcessBuilder("/usr/bin/id").start());
        attempt("connect to a directory server", () -> new Socket("127.0.0.1", 1389));
    }

    interface Attempt {
        Object make() throws Exception;
    }

    static void attempt(String what, Attempt attempt) {
        try {
            attempt.make();
            System.out.println("could " + what);
        } catch (Exception refused) {
            System.out.println("could not " + what + ": " + refused.getMessage());
        }
    }
}
