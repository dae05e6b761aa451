// What every client of these programs is made with; the endpoint and the credentials come from the environment.
export const settings = { region: "us-east-1", maxAttempts: 1 };
