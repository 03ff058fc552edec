package bridge.jco;

import com.sap.conn.jco.JCoAttributes;
import com.sap.conn.jco.JCoContext;
import com.sap.conn.jco.JCoDestination;
import com.sap.conn.jco.JCoDestinationManager;
import com.sap.conn.jco.JCoException;
import com.sap.conn.jco.JCoFunction;
import com.sap.conn.jco.JCoFunctionTemplate;
import com.sap.conn.jco.JCoRepository;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * One connection, and the thread that alone uses it. JCo has no way to end a call: who waits for one waits beside
 * it, and when it takes too long the thread is left to itself, which ends with the call.
 */
public final class Session {
    private static final int MOST_LEFT = 8;
    private static final long LOGOFF_MS = 2000;
    private static final AtomicInteger LEFT = new AtomicInteger();

    private final BlockingQueue<Runnable> tasks = new LinkedBlockingQueue<>();
    private final Thread thread = new Thread(this::work, "jco");
    private final String name;
    private JCoDestination destination; // the thread's own
    private CompletableFuture<?> running;
    private volatile boolean busy;
    private boolean ended;
    private boolean left;
    private boolean done;

    public Session(Map<String, String> settings) throws JCoException {
        if (LEFT.get() >= MOST_LEFT) {
            throw new JCoException(
                    JCoException.JCO_ERROR_RESOURCE, "RFC_CANCELED", LEFT + " calls that were given up have not ended yet");
        }
        Properties properties = new Properties();
        properties.putAll(settings);
        name = Destinations.add(properties);
        thread.setDaemon(true);
        thread.start();
    }

    /** Calls that nobody waits for any more, in all sessions. */
    public static int left() {
        return LEFT.get();
    }

    /** Logs on; what JCo knows of functions is forgotten, since they may have changed. */
    public void open(long milliseconds) throws Throwable {
        on(() -> {
            destination = JCoDestinationManager.getDestination(name);
            JCoContext.begin(destination);
            destination.ping();
            destination.getRepository().clear();
            return null;
        }, milliseconds);
    }

    /** System, client, user, release, host, codepage, and bytes per character. */
    public String[] attributes() throws Throwable {
        return on(() -> {
            JCoAttributes told = destination.getAttributes();
            return new String[] {
                told.getSystemID(), told.getClient(), told.getUser(), told.getPartnerRelease(), told.getPartnerHost(),
                told.getPartnerCodepage(), Integer.toString(told.getPartnerBytesPerChar())
            };
        }, 0);
    }

    public byte[] describe(String function) throws Throwable {
        return on(() -> {
            JCoRepository repository = destination.getRepository();
            return Interface.of(template(repository, function), repository);
        }, 0);
    }

    /** `parameters` and the answer: JSON (Request, Answer). */
    public byte[] call(String function, String parameters) throws Throwable {
        return on(() -> {
            JCoFunction made = template(destination.getRepository(), function).getFunction();
            Request.set(made, parameters);
            made.execute(destination);
            return Answer.of(made);
        }, 0);
    }

    public void ping() throws Throwable {
        on(() -> {
            destination.ping();
            return null;
        }, 0);
    }

    /** From another thread: a running call raises at once, and the session is of no use any more. */
    public void cancel() {
        CompletableFuture<?> call = end();
        if (call != null) {
            call.completeExceptionally(cancelled());
        }
    }

    /** Waits for the log-off, and not for a call. */
    public void close() throws InterruptedException {
        end();
        if (!busy) {
            thread.join(LOGOFF_MS);
        }
    }

    private static JCoFunctionTemplate template(JCoRepository repository, String function) throws JCoException {
        JCoFunctionTemplate found = repository.getFunctionTemplate(function);
        if (found == null) {
            throw new JCoException(
                    JCoException.JCO_ERROR_FUNCTION_NOT_FOUND, "FU_NOT_FOUND", "there is no function " + function);
        }
        return found;
    }

    private <T> T on(Callable<T> task, long milliseconds) throws Throwable {
        CompletableFuture<T> answer = new CompletableFuture<>();
        synchronized (this) {
            if (ended) {
                throw cancelled();
            }
            running = answer;
        }
        tasks.add(() -> {
            busy = true;
            try {
                T told = task.call();
                busy = false;
                answer.complete(told);
            } catch (Throwable error) { // whoever waits is to know
                busy = false;
                answer.completeExceptionally(error);
            }
        });
        try {
            return milliseconds > 0 ? answer.get(milliseconds, TimeUnit.MILLISECONDS) : answer.get();
        } catch (TimeoutException error) {
            end();
            throw new JCoException(
                    JCoException.JCO_ERROR_COMMUNICATION, "RFC_CANCELED", "no answer within " + milliseconds + " ms");
        } catch (ExecutionException error) {
            throw error.getCause();
        } finally {
            synchronized (this) {
                running = null;
            }
        }
    }

    private static JCoException cancelled() {
        return new JCoException(
                JCoException.JCO_ERROR_REQUEST_CANCELLED, "RFC_CANCELED", "the call was given up, and its connection");
    }

    /** Returns the call that runs. */
    private synchronized CompletableFuture<?> end() {
        ended = true;
        tasks.add(() -> {}); // wakes the thread, if it waits
        if (!done && !left) {
            left = true;
            LEFT.incrementAndGet();
        }
        return running;
    }

    private synchronized boolean hasEnded() {
        return ended;
    }

    private void work() {
        try {
            while (!hasEnded()) {
                tasks.take().run();
            }
        } catch (InterruptedException error) {
            // nobody interrupts it; it ends all the same
        } finally {
            disconnect();
            synchronized (this) {
                done = true;
                if (left) {
                    LEFT.decrementAndGet();
                }
            }
        }
    }

    private void disconnect() {
        try {
            if (destination != null) {
                JCoContext.end(destination);
            }
        } catch (JCoException | RuntimeException error) {
            // of a connection that is broken nothing is left to end
        } finally {
            Destinations.remove(name);
        }
    }
}
